;;; pen-batch-arguments.el --- The command line of a script, by options -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Emacs leaves what follows -- to the script; here it is taken apart.  An
;; option is (KEY TYPE MEANING) as in pen-dataset-options.el, or (KEY flag MEANING).
;; The service stands elsewhere, so names of files are made absolute here.

;;; Code:

(require 'seq)
(require 'pen-prompt)
(require 'pen-dataset-options)

;;;; Internal variables

(defvar pen-batch-arguments--typed nil
  "Names of the options of this script's command line.")

;;;; Functions

(defun pen-batch-arguments ()
  "Take the arguments of the command line, without the -- before them."
  (prog1 (mapcar #'pen-batch-arguments--decoded
                 (if (equal (car command-line-args-left) "--")
                     (cdr command-line-args-left)
                   command-line-args-left))
    (setq command-line-args-left nil)))

(defun pen-batch-arguments--decoded (argument)
  "Return ARGUMENT as text.
Where no locale is set, as for cron, Emacs leaves its bytes as they are."
  (if (string-match-p "[\x3fff80-\x3fffff]" (string-to-multibyte argument))
      (decode-coding-string (encode-coding-string argument 'utf-8-emacs) 'utf-8)
    argument))

(defun pen-batch-arguments-parse (arguments options)
  "Return (PLIST . REST) of ARGUMENTS: the OPTIONS among them, and the others.
What follows a second -- is never an option."
  (let (plist rest)
    (setq pen-batch-arguments--typed nil)
    (while arguments
      (let ((argument (pop arguments)))
        (cond ((equal argument "--")
               (setq rest (append (reverse arguments) rest)
                     arguments nil))
              ((string-match "\\`--\\([^=]+\\)\\(?:=\\(\\(?:.\\|\n\\)*\\)\\)?\\'" argument)
               (let* ((text (match-string 2 argument))
                      (option (pen-batch-arguments--option (match-string 1 argument) options))
                      (flag (eq (cadr option) 'flag)))
                 (cond ((and flag text)
                        (user-error "--%s takes no value; leave =%s away"
                                    (pen-dataset-option-name option) text))
                       ((not (or flag text arguments))
                        (user-error "%s needs a value" argument)))
                 (push (pen-dataset-option-name option) pen-batch-arguments--typed)
                 (setq plist
                       (plist-put plist (car option)
                                  (or flag (pen-batch-arguments--value
                                            option (or text (pop arguments))))))))
              (t (push argument rest)))))
    (cons plist (nreverse rest))))

(defun pen-batch-arguments--value (option text)
  "Return TEXT as the value of OPTION."
  (let ((value (pen-dataset-option-value option text)))
    (cond ((null value) nil)
          ((eq (cadr option) 'file) (expand-file-name value))
          ((eq (car option) :prompt) (pen-prompt-absolute value))
          (t value))))

(defun pen-batch-arguments--option (name options)
  "Return the one of OPTIONS called NAME, or say which there are."
  (or (seq-find (lambda (each) (equal name (pen-dataset-option-name each))) options)
      (user-error "There is no option --%s; there are %s" name
                  (pen-batch-arguments-names options))))

(defun pen-batch-arguments-names (options)
  "Return the names of OPTIONS."
  (mapconcat (lambda (each) (concat "--" (pen-dataset-option-name each))) options " "))

(defun pen-batch-arguments-wording (text)
  "Return TEXT, of an error, with parameters called as their options were typed.
A name with an underscore is a parameter wherever it stands; another one
only where TEXT begins with it, before what is said of it."
  (dolist (option pen-batch-arguments--typed text)
    (let* ((name (regexp-quote (replace-regexp-in-string "-" "_" option)))
           (place (if (string-match-p "_" name)
                      (concat "\\(\\`\\|[ (]\\)[`'‘]?" name "[`'’]?\\([ ,:;)]\\|\\.?\\'\\)")
                    (concat "\\(\\`\\)" name "\\(: \\| must \\| cannot \\)"))))
      (setq text (replace-regexp-in-string place (concat "\\1--" option "\\2") text t)))))

(defun pen-batch-arguments-help (options)
  "Return what OPTIONS are, one a line, or two where the values are many."
  (mapconcat (lambda (each)
               (let ((option (concat "  --" (pen-dataset-option-name each) " "
                                     (pcase (cadr each)
                                       ('flag "")
                                       ('boolean "yes|no")
                                       ((and (pred consp) choices) (mapconcat #'symbol-name choices "|"))
                                       (type (upcase (symbol-name type)))))))
                 (concat option
                         (if (< (length option) 39) (make-string (- 39 (length option)) ?\s)
                           (concat "\n" (make-string 39 ?\s)))
                         (nth 2 each) "\n")))
             options ""))

(provide 'pen-batch-arguments)
;;; pen-batch-arguments.el ends here
