;;; pen-prompt.el --- Prompt definitions as Emacs sees them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A prompt definition is a YAML file; the service reads it.  Emacs only needs
;; the names of the definitions, of their variables, and what to ask for.  A
;; definition here is the plist that the method `prompts-list' returns, asked
;; for afresh each time, so that an edited file counts at once.

;;; Code:

(require 'cl-lib)
(require 'seq)
(eval-when-compile (require 'subr-x))
(require 'pen-rpc)
(require 'pen-rpc-methods)

;;;; Customization

(defcustom pen-pun-prompt "pun-complete"
  "Name of the prompt definition that continues puns.
`pen-pun-complete' and `pen-finetune-region' use it."
  :type 'string
  :group 'pen)

;;;; Functions

(defun pen-prompt-definition (name)
  "Return the definition called NAME; wait for it."
  (or (pen-prompt--find name (pen-rpc-prompts-list))
      (pen-prompt--unknown name)))

(defun pen-prompt-with (name then else)
  "Call THEN with the definition called NAME, or ELSE with an error, later."
  (pen-rpc-prompts-list
   :then (lambda (definitions)
           (if-let ((definition (pen-prompt--find name definitions)))
               (funcall then definition)
             (pen-rpc-prompts-render
              :prompt name :values nil
              :then (lambda (_) (funcall else (pen-prompt--not-found name)))
              :else else)))
   :else else))

(defun pen-prompt--find (name definitions)
  "Return the one of DEFINITIONS that is called NAME, or nil."
  (seq-find (lambda (definition)
              (equal name (plist-get definition :slug)))
            definitions))

(defun pen-prompt--unknown (name)
  "Signal why there is no definition called NAME.
The service knows: the file may be absent, or there and broken."
  (pen-rpc-prompts-render :prompt name :values nil)
  (let ((err (pen-prompt--not-found name)))
    (signal (car err) (cdr err))))

(defun pen-prompt--not-found (name)
  "Return the condition that nothing is called NAME."
  (list 'pen-not-found-error
        (format "No prompt definition is called \"%s\"." name)
        (list :kind 'not-found)))

(defun pen-prompt-inputs (definition)
  "Return the variables in the prompt of DEFINITION, in order."
  (seq-take (plist-get definition :variables) (plist-get definition :arity)))

(defun pen-prompt-list-p (variable)
  "Return non-nil if VARIABLE is a list of items, one a line."
  (equal "list" (format "%s" (plist-get variable :type))))

(defun pen-prompt-values (definition args)
  "Return the variables of DEFINITION paired with ARGS, as the wire wants them."
  (let ((inputs (pen-prompt-inputs definition)))
    (unless (= (length inputs) (length args))
      (signal 'pen-bad-params-error
              (list (format "\"%s\" takes %s (%s), but %d were given."
                            (plist-get definition :slug)
                            (pen-prompt--count (length inputs) "argument")
                            (mapconcat #'pen-prompt--name inputs ", ")
                            (length args))
                    (list :kind 'bad-params))))
    (cl-mapcar (lambda (input arg)
                 (list (pen-prompt--name input) (substring-no-properties arg)))
               inputs args)))

(defun pen-prompt--name (variable)
  "Return the name of VARIABLE."
  (plist-get variable :name))

(defun pen-prompt--count (number noun)
  "Return NUMBER and NOUN, in the plural where it must be."
  (format "%d %s%s" number noun (if (= number 1) "" "s")))

(provide 'pen-prompt)
;;; pen-prompt.el ends here
