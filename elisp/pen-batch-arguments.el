;;; pen-batch-arguments.el --- The command line of a script, by options -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Emacs leaves what follows -- to the script; here it is taken apart.  An
;; option is (KEY TYPE …) as in pen-dataset-options.el, or (KEY flag).

;;; Code:

(require 'seq)
(require 'subr-x)
(require 'pen-dataset-options)

;;;; Functions

(defun pen-batch-arguments ()
  "Take the arguments of the command line, without the -- before them."
  (prog1 (if (equal (car command-line-args-left) "--")
             (cdr command-line-args-left)
           command-line-args-left)
    (setq command-line-args-left nil)))

(defun pen-batch-arguments-parse (arguments options)
  "Return (PLIST . REST) of ARGUMENTS: the OPTIONS among them, and the others.
What follows a second -- is never an option."
  (let (plist rest)
    (while arguments
      (let ((argument (pop arguments)))
        (cond ((equal argument "--")
               (setq rest (append (reverse arguments) rest)
                     arguments nil))
              ((string-match "\\`--\\([^=]+\\)\\(?:=\\(\\(?:.\\|\n\\)*\\)\\)?\\'" argument)
               (let* ((text (match-string 2 argument))
                      (option (pen-batch-arguments--option (match-string 1 argument) options))
                      (flag (eq (cadr option) 'flag)))
                 (unless (or flag text arguments)
                   (user-error "%s needs a value" argument))
                 (setq plist
                       (plist-put plist (car option)
                                  (or flag (pen-dataset-option-value
                                            option (or text (pop arguments))))))))
              (t (push argument rest)))))
    (cons plist (nreverse rest))))

(defun pen-batch-arguments--option (name options)
  "Return the one of OPTIONS called NAME, or say which there are."
  (or (seq-find (lambda (each) (equal (concat ":" name) (symbol-name (car each))))
                options)
      (user-error "There is no option --%s; there are %s" name
                  (string-trim (pen-batch-arguments-names options)))))

(defun pen-batch-arguments-names (options)
  "Return the names of OPTIONS."
  (concat "  " (mapconcat (lambda (each) (concat "--" (substring (symbol-name (car each)) 1)))
                          options " ")))

(provide 'pen-batch-arguments)
;;; pen-batch-arguments.el ends here
