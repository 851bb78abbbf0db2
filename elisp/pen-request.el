;;; pen-request.el --- What is asked of a model -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Every completion goes through here: the options that force something are
;; applied, and the request is remembered for `pen-show-last-prompt'.

;;; Code:

(require 'pen-plist)
(require 'pen-project)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-stream)

;;;; Customization

(define-obsolete-variable-alias 'pen-default-lm-command 'pen-default-model "0.1.0")

(defcustom pen-candidates nil
  "How many candidates to ask for; nil leaves it to the prompt definition."
  :type '(choice (const :tag "As the definition says" nil) natnum)
  :group 'pen)

(defcustom pen-default-model nil
  "Model that completes; nil means the newest one tuned from the definition."
  :type '(choice (const :tag "The newest tuned from the definition" nil) string)
  :risky t
  :group 'pen)

(defcustom pen-force-temperature nil
  "Temperature of every request, whatever its definition says; nil forces none."
  :type '(choice (const :tag "None" nil) number)
  :group 'pen)

(defcustom pen-force-engine nil
  "Model of every request, whatever its definition says; nil forces none."
  :type '(choice (const :tag "None" nil) string)
  :risky t
  :group 'pen)

(defcustom pen-force-few-completions nil
  "How many candidates a request may have at most; nil sets no limit."
  :type '(choice (const :tag "No limit" nil) natnum)
  :group 'pen)

(defcustom pen-libre-only nil
  "Whether only models on this machine may answer; others are refused."
  :type 'boolean
  :risky t
  :group 'pen)

;;;; Internal variables

(defvar pen-last-prompt-data nil
  "What was asked last: a plist.
:name of the definition, :project that it was found from or :null,
:values given, :options asked for, :prompt as the model read it and
:stop, the texts that end an answer, :model, :replies, a list of
strings, and :error, a sentence, or nil.")

;;;; Functions

(defun pen-request-arguments (name values options &optional usual)
  "Return the arguments that ask to complete NAME with VALUES and OPTIONS.
USUAL is how many candidates the definition itself asks for, if that is known."
  (let* ((n (or (plist-get options :n) pen-candidates))
         (few (and pen-force-few-completions (max 1 pen-force-few-completions))))
    (append (list :prompt name :values values)
            (pen-plist-given
             (append (list :model (or pen-force-engine (plist-get options :model)
                                      pen-default-model)
                           :n (if few (min few (or n usual few)) n)
                           :temperature (or pen-force-temperature
                                            (plist-get options :temperature))
                           :libre-only pen-libre-only)
                     (pen-plist-only options '(:max-tokens :seed :stop :history :long
                                                           :without-filters :project)))))))

(defun pen-request-start (arguments function)
  "Ask the service with ARGUMENTS; FUNCTION gets (KIND PLIST) of each event.
Return the stream."
  (let ((data (pen-request--remember arguments)))
    (pen-stream-start #'pen-rpc-completions-start arguments
                      (lambda (kind plist)
                        (pen-request--note data kind plist)
                        (funcall function kind plist)))))

(defun pen-request-wait (arguments deadline &optional function)
  "Ask the service with ARGUMENTS and return the result.
DEADLINE and FUNCTION are as in `pen-stream-wait'."
  (let ((data (pen-request--remember arguments)))
    (condition-case err
        (let ((result (pen-stream-wait #'pen-rpc-completions-start arguments deadline function)))
          (pen-request--note data 'done (list :value result))
          result)
      (pen-error
       (pen-request--note data 'error (pen-rpc-error-plist err))
       (signal (car err) (cdr err))))))

(defun pen-request-texts (result)
  "Return the texts of the candidates of RESULT."
  (mapcar (lambda (each) (plist-get each :text)) (plist-get result :candidates)))

(defun pen-request--remember (arguments)
  "Remember that ARGUMENTS are asked now; return where to note the answer."
  (setq pen-last-prompt-data
        (list :name (plist-get arguments :prompt)
              :project (pen-project-or-none (plist-get arguments :project))
              :values (plist-get arguments :values)
              :options (pen-plist-without arguments '(:prompt :values :project))
              :prompt nil :stop nil :model nil :replies nil :error nil)))

(defun pen-request--note (data kind plist)
  "Note in DATA the event KIND with PLIST of the answer."
  (pcase kind
    ('done (let ((value (plist-get plist :value)))
             (plist-put data :prompt (plist-get value :prompt))
             (plist-put data :stop (plist-get value :stop))
             (plist-put data :model (plist-get value :model))
             (plist-put data :replies (pen-request-texts value))))
    ('error (plist-put data :error (pen-rpc-sentence plist)))))

(provide 'pen-request)
;;; pen-request.el ends here
