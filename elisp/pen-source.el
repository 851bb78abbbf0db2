;;; pen-source.el --- Where training records come from -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A source is a region or a file; pen-source-place.el leads back to it.
;;
;; A region is looked at again whenever it is asked for, so that a typo that
;; was corrected in its buffer is gone from the next training set; when the
;; buffer was killed, its last text is used.  A large region goes by file.

;;; Code:

(require 'cl-lib)
(require 'pen-rpc-error)
(require 'pen-text)

;;;; Internal variables

(defconst pen-source-most 1000000
  "Characters of a region above which it is handed over in a file.")

(cl-defstruct (pen-source (:constructor pen-source--make) (:copier nil))
  "The text between the markers BEG and END, or a file at PATH.
NAME is how the service calls it, READER who reads it, LINE its first
line.  TEXT is what the region was when TICK was its buffer's, or it
is in the temporary file SPOOL.  BUFFER is where the person was, which
may be an indirect buffer: the markers stand in its base."
  name path buffer beg end text spool tick (line 1) (reader "auto"))

;;;; Declarations

(declare-function org-back-to-heading "org" (&optional invisible-ok))
(declare-function org-before-first-heading-p "org" ())
(declare-function org-end-of-subtree "org" (&optional invisible-ok to-heading))

;;;; Functions: making

(defun pen-source-region (beg end)
  "Return the text from BEG to END as a source."
  (pcase-let ((`(,beg ,end) (pen-source--bounds beg end)))
    (let ((source (pen-source--make
                   :name (pen-source-buffer-name)
                   :buffer (current-buffer)
                   :beg (pen-source--marker beg) :end (pen-source--marker end)
                   :line (line-number-at-pos beg t)
                   :reader (if (derived-mode-p 'org-mode) "org" "auto"))))
      (pen-source--take source)
      source)))

(defun pen-source--bounds (beg end)
  "Return BEG and END in order; refuse what has nothing to learn in it."
  (let ((beg (min beg end)) (end (max beg end)))
    (when (= beg end)
      (user-error "The region is empty; mark the puns to learn from first"))
    (when (save-excursion (goto-char beg)
                          (skip-chars-forward " \t\n\r\f" end)
                          (>= (point) end))
      (user-error "The region holds white space only; mark the puns to learn from first"))
    (list beg end)))

(defun pen-source--marker (place)
  "Return a marker at PLACE that outlives an indirect buffer."
  (set-marker (make-marker) place (or (buffer-base-buffer) (current-buffer))))

(defun pen-source-buffer-name ()
  "Return how people call this buffer."
  (let ((file (or buffer-file-name
                  (and (buffer-base-buffer)
                       (buffer-file-name (buffer-base-buffer))))))
    (if file (file-name-nondirectory file) (buffer-name))))

(defun pen-source-file (file &optional reader)
  "Return FILE as a source; READER is the name of its reader."
  (let ((file (expand-file-name file)))
    (when (file-remote-p file)
      (user-error "%s is on another machine; copy it here with M-x copy-file, or visit it and mark a region"
                  file))
    (unless (file-readable-p file)
      (pen-rpc-signal (list :kind 'not-found
                            :message (format "%s cannot be read; check the name." file))))
    (when (file-directory-p file)
      (user-error "%s is a directory; name a file in it" file))
    (pen-source--make :name (file-name-nondirectory file) :path file
                      :reader (or reader "auto"))))

(defun pen-source-read-file (prompt &optional default)
  "Ask for a file with PROMPT, DEFAULT if nothing is typed, that can be a source."
  (let ((file (read-file-name prompt nil default t
                              (and default (file-name-nondirectory default)))))
    (unless (and (not (file-remote-p file)) (file-directory-p file))
      (pen-rpc-for-person #'pen-source-file file))
    file))

(defun pen-source-directory (directory)
  "Return DIRECTORY, of a build, as a source; its own files are named in it."
  (pen-source--make :name "" :path (file-name-as-directory (expand-file-name directory))))

(defun pen-source-subtree ()
  "Return the org subtree at point as a source."
  (unless (derived-mode-p 'org-mode)
    (user-error "This is no org buffer; mark a region and use its command instead"))
  (when (org-before-first-heading-p)
    (user-error "Point is before the first heading; go to the heading whose subtree is meant"))
  (save-excursion
    (org-back-to-heading t)
    (pen-source-region (point) (save-excursion (org-end-of-subtree t t) (point)))))

(defun pen-source-read-region ()
  "Return the beginning and end of the region, for `interactive'."
  (unless (use-region-p)
    (user-error "No region is marked; mark the puns to learn from first"))
  (list (region-beginning) (region-end)))

;;;; Functions: handing over

(defun pen-source-request (source)
  "Return the arguments of the method datasets-plan that say what SOURCE is."
  (pen-source--take source)
  (append (cond ((pen-source-path source) (list :path (pen-source-path source)))
                ((pen-source-spool source) (list :path (pen-source-spool source)))
                (t (list :text (pen-source-text source))))
          (list :source (pen-source-name source)
                :reader (pen-source-reader source))))

(defun pen-source--take (source)
  "Take the text of SOURCE, a region, unless it is as it was or its buffer is gone."
  (when-let ((buffer (and (pen-source-beg source)
                          (marker-buffer (pen-source-beg source)))))
    (with-current-buffer buffer
      (unless (eql (buffer-chars-modified-tick) (pen-source-tick source))
        (pen-source--take-here source)))))

(defun pen-source--take-here (source)
  "Take the text of SOURCE, which stands in this buffer."
  (save-restriction
    (widen)
    (let ((beg (marker-position (pen-source-beg source)))
          (end (marker-position (pen-source-end source))))
      (when (= beg end)
        (user-error "The text in %s was deleted; undo that, or mark another region"
                    (buffer-name)))
      (pen-text-refuse-bytes beg end)
      (if (> (- end beg) pen-source-most)
          (pen-source--to-file source beg end)
        (pen-source-forget source)
        (setf (pen-source-text source) (buffer-substring-no-properties beg end)))
      (setf (pen-source-line source) (line-number-at-pos beg)
            (pen-source-tick source) (buffer-chars-modified-tick)))))

(defun pen-source--to-file (source beg end)
  "Write the text of SOURCE from BEG to END to a file of our own."
  (setf (pen-source-text source) nil)
  (unless (pen-source-spool source)
    (setf (pen-source-spool source)
          (make-temp-file "pen-region-")))
  (let ((coding-system-for-write 'utf-8-unix)
        (write-region-inhibit-fsync t))
    (write-region beg end (pen-source-spool source) nil 'silent)))

(defun pen-source-forget (source)
  "Delete the file that SOURCE was handed over in, if it was."
  (when-let ((file (pen-source-spool source)))
    (setf (pen-source-spool source) nil
          (pen-source-tick source) nil)
    (ignore-errors (delete-file file))))

(provide 'pen-source)
;;; pen-source.el ends here
