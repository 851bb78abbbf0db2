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

(require 'subr-x)
(require 'pen-value)

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
                          (list key (pen-value (string-trim text) type property))))))))
    arguments))

(defun pen-org-line (text)
  "Return TEXT in one line, as an item of a list has it."
  (string-join (split-string text) " "))

(defun pen-org-cell (text)
  "Return TEXT in one line, as a cell of a table has it.
A formula, which org would evaluate in its field, is broken up."
  (replace-regexp-in-string "\\`:?=" "\u200b\\&"
                            (string-replace "|" "\\vert{}" (pen-org-line text))))

(provide 'pen-org)
;;; pen-org.el ends here
