;;; pen-source-place.el --- The way back from a record to its place -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The service names places in a source NAME:LINE, where the lines of a region
;; count from its own first line; a person wants the line of the buffer.

;;; Code:

(require 'pen-place)
(require 'pen-source)

;;;; Functions

(defun pen-source-place (source where)
  "Return WHERE for people: the lines of SOURCE as in its buffer."
  (pcase (pen-source--split source where)
    (`(,name ,line ,_) (format "%s:%d" name line))
    (_ (or where ""))))

(defun pen-source-visit (source where)
  "Show the place WHERE of SOURCE, or of another file, in another window."
  (pcase (pen-source--split source where)
    (`(,name ,line ,ours)
     (pop-to-buffer (if ours (pen-source--buffer source)
                      (pen-source--visited (pen-source--beside source name))))
     (push-mark nil t)
     (pen-source--goto (if ours (pen-source--now source line) line)))
    (_ (user-error "%s is not a line of a file" where))))

(defun pen-source--split (source where)
  "Return WHERE, NAME:LINE or NAME:LINE:COLUMN, as (NAME LINE OURS), else nil.
OURS says that it is a place in SOURCE; LINE counts as in its buffer."
  (pcase (pen-place-parts where)
    ((and `(,name ,line . ,_) (guard (equal name (pen-source-name source))))
     (list name (+ line (1- (pen-source-line source))) 'ours))
    (`(,name ,line . ,_) (list name line nil))))

(defun pen-source--now (source line)
  "Return where LINE of SOURCE is now that lines may have come before it."
  (let* ((beg (pen-source-beg source))
         (buffer (and beg (marker-buffer beg))))
    (if buffer
        (with-current-buffer buffer
          (save-restriction
            (widen)
            (+ line (- (line-number-at-pos beg) (pen-source-line source)))))
      line)))

(defun pen-source--goto (line)
  "Go to LINE, which counts from the start of the buffer, narrowed or not."
  (let ((place (save-restriction
                 (widen)
                 (save-excursion (goto-char (point-min))
                                 (forward-line (1- line))
                                 (point)))))
    (unless (<= (point-min) place (point-max))
      (message "The buffer was narrowed; this place is outside of it.")
      (widen))
    (goto-char place)))

(defun pen-source--buffer (source)
  "Return the buffer that SOURCE stands in."
  (cond ((pen-source-path source)
         (pen-source--visited (pen-source-path source)))
        ((and (buffer-live-p (pen-source-buffer source))
              (marker-buffer (pen-source-beg source)))
         (pen-source-buffer source))
        ((marker-buffer (pen-source-beg source)))
        (t (user-error "The buffer that this came from was killed"))))

(defun pen-source--beside (source name)
  "Return the path of the file NAME, which may be relative to that of SOURCE."
  (if (pen-source-path source)
      (expand-file-name name (file-name-directory (pen-source-path source)))
    name))

(defun pen-source--visited (name)
  "Return a buffer that visits the file NAME."
  (if (file-readable-p name)
      (find-file-noselect name)
    (user-error "%s cannot be read" name)))

(provide 'pen-source-place)
;;; pen-source-place.el ends here
