;;; pen-org.el --- Arguments from the properties of an org entry -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; An org entry, one above it, or a line #+PROPERTY: of its file may say how pen
;; is to be asked there:
;;
;;   * Puns
;;   :PROPERTIES:
;;   :PEN_PROMPT: pun-complete
;;   :PEN_TEMPERATURE: 0.9
;;   :PEN_STOP: "\n\n" " END"
;;   :END:
;;
;; `pen-org-arguments' is the one function that reads them.  What is nearer to
;; the person wins: argument, header argument, property, definition, option.

;;; Code:

(require 'cl-lib)
(require 'subr-x)

;;;; Internal variables

(defconst pen-org-properties
  '(("PEN_MODEL" :model string)
    ("PEN_PROMPT" :prompt string)
    ("PEN_TEMPERATURE" :temperature number)
    ("PEN_MAX_TOKENS" :max-tokens integer)
    ("PEN_STOP" :stop texts)
    ("PEN_WEIGHTS" :loss-weights numbers)
    ("PEN_DATASET" :dataset string)
    ("PEN_SPLIT" :split string))
  "The properties: name, argument, and what its value must look like.")

;;;; Declarations

(declare-function org-entry-get "org" (epom property &optional inherit literal-nil))

;;;; Functions

(defun pen-org-arguments (&optional explicit keys)
  "Return EXPLICIT, a plist, filled up from the properties PEN_* at point.
They are inherited from the entries above and from the lines
#+PROPERTY: of the file; outside of `org-mode' there are none.  A key
that EXPLICIT has, even with the value nil, is not looked up.  KEYS
are the arguments wanted, by default all of these:

  :model, :prompt, :dataset, :split   a string
  :temperature                        a number
  :max-tokens                         an integer
  :stop                               a list of strings
  :loss-weights                       a list of numbers

Signal a `user-error' that names the property if a value is no such thing."
  (let ((arguments (copy-sequence explicit)))
    (when (derived-mode-p 'org-mode)
      (pcase-dolist (`(,property ,key ,type) pen-org-properties)
        (when (and (not (plist-member explicit key))
                   (or (null keys) (memq key keys)))
          (when-let ((text (org-entry-get nil property t)))
            (setq arguments
                  (append arguments
                          (list key (pen-org-value text type property))))))))
    arguments))

(defun pen-org-value (text type name)
  "Return TEXT as a value of TYPE, or say what is wrong with NAME.
TYPE is string, number, integer, numbers (between blanks or commas), or
texts: strings in double quotes, else TEXT is the only one."
  (pcase type
    ('string (string-trim text))
    ('texts (pen-org--texts (string-trim text) name))
    ('numbers (mapcar (lambda (each) (pen-org--number each name))
                      (or (split-string text "[][ \t,]+" t)
                          (user-error "%s is empty; write numbers, such as 0.3 0.7" name))))
    (_ (let ((number (pen-org--number (string-trim text) name)))
         (when (and (eq type 'integer) (not (integerp number)))
           (user-error "%s is %S; write a whole number, such as 60" name text))
         number))))

(defun pen-org--number (text name)
  "Return the number that TEXT is, or say that NAME is none."
  (if (string-match-p "\\`[-+]?\\(?:[0-9]+\\.?[0-9]*\\|\\.[0-9]+\\)\\(?:e[-+]?[0-9]+\\)?\\'" text)
      (string-to-number text)
    (user-error "%s is %S; write a number, such as 0.7" name text)))

(defun pen-org--texts (text name)
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
              (setq place (or (string-match "[^ \t,]" text end) (length text)))))
        (error (user-error "%s is %s; write texts in double quotes, such as \"\\n\" \"END\""
                           name text)))
      (nreverse strings))))

(provide 'pen-org)
;;; pen-org.el ends here
