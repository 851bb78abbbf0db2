;;; pen-argument.el --- Values of a prompt's variables, from the buffer or the person -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The first variable of a prompt takes the region; any variable may say where
;; in the buffer its text is.  What is not found there is asked for, with the
;; definition's example as the default.

;;; Code:

(require 'subr-x)
(require 'thingatpt)
(require 'pen-text)
(require 'pen-prompt)
(require 'pen-context)

;;;; Internal variables

(defvar pen-argument-history nil
  "Texts given before.")

;;;; Declarations

(declare-function org-get-heading "org" (&optional no-tags no-todo no-priority no-comment))
(declare-function org-before-first-heading-p "org" ())

;;;; Functions: text of the buffer

(defun pen-argument-source (source)
  "Return the text that SOURCE, a `from' of a variable, names here, or nil."
  (let ((text (pen-argument--source source)))
    (and text (not (string-blank-p text)) text)))

(defun pen-argument--source (source)
  "Return the text that SOURCE names here, blank or not, or nil."
  (pcase source
    ("region" (pen-argument--region))
    ("region-or-preceding" (pen-context-text (pen-context-make)))
    ("preceding" (pen-text-substring (pen-argument--near (- pen-context-characters)) (point)))
    ("preceding-line" (save-excursion
                        (and (zerop (forward-line -1)) (pen-argument--thing 'line))))
    ("surrounding" (pen-text-substring
                    (pen-argument--near (- (/ pen-context-characters 2)))
                    (pen-argument--near (/ pen-context-characters 2))))
    ((or "line" "paragraph") (pen-argument--thing (intern source)))
    ("org-heading" (and (derived-mode-p 'org-mode)
                        (not (org-before-first-heading-p))
                        (substring-no-properties (org-get-heading t t t t))))
    ("language" (string-remove-suffix "-mode" (symbol-name major-mode)))))

(defun pen-argument--region ()
  "Return the text of the region, or nil."
  (and (use-region-p) (pen-text-substring (region-beginning) (region-end))))

(defun pen-argument--near (offset)
  "Return the place that is OFFSET from point, if that is in the buffer."
  (max (point-min) (min (point-max) (+ (point) offset))))

(defun pen-argument--thing (thing)
  "Return the THING at point without its last line break, or nil."
  (when-let ((bounds (bounds-of-thing-at-point thing)))
    (string-trim-right (pen-text-substring (car bounds) (cdr bounds)) "\n+")))

;;;; Functions: asking

(defun pen-argument-read-all (definition &optional first)
  "Return texts for the variables that DEFINITION needs, asking where it must.
FIRST is that of the first one, if it is known; else it is the region."
  (let (texts)
    (dolist (variable (pen-prompt-inputs definition))
      (push (or (and (null texts) (or first (pen-argument--region)))
                (pen-argument-source (plist-get variable :source))
                (pen-argument-read variable))
            texts))
    (nreverse texts)))

(defun pen-argument-read (variable)
  "Ask for the text of VARIABLE."
  (let* ((default (or (plist-get variable :default) (plist-get variable :example)))
         (prompt (format-prompt (pen-argument--question variable)
                                (and default (truncate-string-to-width
                                              (string-replace "\n" "⏎" default)
                                              40 nil nil "…"))))
         (choices (pcase (plist-get variable :type)
                    ("bool" '("true" "false"))
                    (_ (plist-get variable :choices)))))
    (if choices
        (completing-read prompt choices nil t nil 'pen-argument-history default)
      (read-string prompt nil 'pen-argument-history default t))))

(defun pen-argument--question (variable)
  "Return what to ask for VARIABLE."
  (let ((description (or (plist-get variable :description) "")))
    (concat (plist-get variable :name)
            (unless (string-empty-p description) (format " (%s)" description)))))

(provide 'pen-argument)
;;; pen-argument.el ends here
