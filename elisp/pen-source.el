;;; pen-source.el --- Where training records come from, and the way back -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A source is a region or a file.  The service names places in it NAME:LINE,
;; where the lines of a region count from its own first line; a person wants
;; the line of the buffer.

;;; Code:

(require 'cl-lib)

;;;; Internal variables

(cl-defstruct (pen-source (:constructor pen-source--make) (:copier nil))
  "A TEXT that stands in BUFFER from LINE on, or a file at PATH.
NAME is how the service calls it, READER who reads it."
  name text path buffer (line 1) (reader "auto"))

;;;; Functions

(defun pen-source-region (beg end)
  "Return the text from BEG to END as a source."
  (when (= beg end)
    (user-error "The region is empty; mark the puns to learn from first"))
  (pen-source--make
   :name (if buffer-file-name (file-name-nondirectory buffer-file-name) (buffer-name))
   :text (buffer-substring-no-properties beg end)
   :buffer (current-buffer)
   :line (line-number-at-pos (min beg end) t)
   :reader (if (derived-mode-p 'org-mode) "org" "auto")))

(defun pen-source-file (file)
  "Return FILE as a source."
  (unless (file-readable-p file)
    (signal 'pen-not-found-error
            (list (format "%s cannot be read; check the name." file)
                  (list :kind 'not-found))))
  (pen-source--make :name (file-name-nondirectory file)
                    :path (expand-file-name file)))

(defun pen-source-read-region ()
  "Return the beginning and end of the region, for `interactive'."
  (unless (use-region-p)
    (user-error "No region is marked; mark the puns to learn from first"))
  (list (region-beginning) (region-end)))

(defun pen-source-request (source)
  "Return the arguments of the method datasets-plan that say what SOURCE is."
  (append (if (pen-source-path source)
              (list :path (pen-source-path source))
            (list :text (pen-source-text source)))
          (list :source (pen-source-name source)
                :reader (pen-source-reader source))))

(defun pen-source-place (source where)
  "Return WHERE for people: the lines of SOURCE as in its buffer."
  (pcase (pen-source--split source where)
    (`(,name ,line ours) (format "%s:%d" name line))
    (_ (or where ""))))

(defun pen-source-visit (source where)
  "Show the place WHERE of SOURCE, or of another file, in another window."
  (pcase (pen-source--split source where)
    (`(,name ,line ,ours)
     (pop-to-buffer (if ours (pen-source--buffer source) (pen-source--file name)))
     (push-mark nil t)
     (goto-char (point-min))
     (forward-line (- line (line-number-at-pos (point-min) t))))
    (_ (user-error "%s is not a line of a file" where))))

(defun pen-source--split (source where)
  "Return WHERE, NAME:LINE or NAME:LINE:COLUMN, as (NAME LINE OURS), else nil.
OURS says that it is a place in SOURCE; LINE counts as in its buffer."
  (when (and where (string-match "\\`\\(.*?\\):\\([0-9]+\\)\\(?::[0-9]+\\)?\\'" where))
    (let* ((name (match-string 1 where))
           (line (string-to-number (match-string 2 where)))
           (ours (equal name (pen-source-name source))))
      (if ours
          (list name (+ line (1- (pen-source-line source))) 'ours)
        (list name line nil)))))

(defun pen-source--buffer (source)
  "Return the buffer that SOURCE stands in."
  (cond ((pen-source-path source)
         (pen-source--file (pen-source-path source)))
        ((buffer-live-p (pen-source-buffer source))
         (pen-source-buffer source))
        (t (user-error "The buffer that this came from was killed"))))

(defun pen-source--file (name)
  "Return a buffer that visits the file NAME."
  (if (file-readable-p name)
      (find-file-noselect name)
    (user-error "%s cannot be read" name)))

(provide 'pen-source)
;;; pen-source.el ends here
