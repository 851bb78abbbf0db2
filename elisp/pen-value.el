;;; pen-value.el --- What a person wrote, as a value of a type -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Options, properties, header arguments and the arguments of scripts are
;; written as text.  A type is one of
;;
;;   string, file   the text itself
;;   integer        a whole number
;;   number         any other number too
;;   numbers        between blanks or commas
;;   texts          strings in double quotes; without any, the text is the only one
;;   boolean        yes or no
;;   (SYMBOL…)      one of these

;;; Code:

(require 'seq)
(require 'subr-x)

(defun pen-value (text type name)
  "Return TEXT as a value of TYPE, or say what to write for NAME instead."
  (pcase type
    ((or 'string 'file) text)
    ('integer (if (string-match-p "\\`[-+]?[0-9]+\\'" text)
                  (string-to-number text)
                (pen-value--refuse name text "a whole number, such as 60")))
    ('number (pen-value--number text name))
    ('numbers (mapcar (lambda (each) (pen-value--number each name))
                      (or (split-string text "[][ \t\n,]+" t)
                          (pen-value--refuse name text "numbers, such as 0.3 0.7"))))
    ('texts (pen-value--texts (string-trim text) name))
    ('boolean (pcase (downcase text)
                ((or "yes" "t" "true" "1") t)
                ((or "no" "nil" "false" "0") nil)
                (_ (pen-value--refuse name text "yes or no"))))
    (choices (or (seq-find (lambda (each) (equal text (symbol-name each))) choices)
                 (pen-value--refuse name text (mapconcat #'symbol-name choices ", "))))))

(defun pen-value--refuse (name text words)
  "Say that NAME cannot be TEXT, and in WORDS what it can be."
  (user-error "%s is %S; write %s" name text words))

(defun pen-value--number (text name)
  "Return the number that TEXT is, or say that NAME is none."
  (if (string-match-p "\\`[-+]?\\(?:[0-9]+\\.?[0-9]*\\|\\.[0-9]+\\)\\(?:e[-+]?[0-9]+\\)?\\'" text)
      (string-to-number text)
    (pen-value--refuse name text "a number, such as 0.7")))

(defun pen-value--texts (text name)
  "Return the strings in double quotes in TEXT, the value of NAME."
  (if (not (string-prefix-p "\"" text))
      (list text)
    (let ((place 0) strings)
      (condition-case nil
          (while (< place (length text))
            (unless (eq (aref text place) ?\")
              (error "No quote"))
            (pcase-let ((`(,string . ,end) (read-from-string text place)))
              (push string strings)
              (setq place (or (string-match "[^ \t\n,]" text end) (length text)))))
        (error (user-error "%s is %s; write texts in double quotes, such as \"\\n\" \"END\""
                           name text)))
      (nreverse strings))))

(provide 'pen-value)
;;; pen-value.el ends here
