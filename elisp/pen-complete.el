;;; pen-complete.el --- Complete by a prompt definition -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-pun-complete' continues the puns before point, or those of the region.
;; What the model writes streams into a preview: the buffer, its undo list and
;; its modified flag stay as they are until the text is accepted, which is one
;; change.  The keys of `pen-preview-map' work while point is at the preview.
;; `pen-complete-long' does the same without stopping at the definition's stop
;; texts.
;;
;; From Lisp, `pen-complete' waits and returns a list of strings:
;;
;;   (pen-complete "pun-complete" '("What do you call a parser in a hurry? A token runner.") :n 2)

;;; Code:

(require 'cl-lib)
(require 'pen-plist)
(require 'pen-rpc)
(require 'pen-prompt)
(require 'pen-request)
(require 'pen-answer)
(require 'pen-read)
(require 'pen-context)
(require 'pen-preview)
(require 'pen-org)

;;;; Functions: a request for a preview

(defun pen-complete-at (context name options values)
  "Open a preview in CONTEXT that completes by the definition NAME with OPTIONS.
VALUES are those of its variables as the wire wants them, or the symbol
`context': the text of CONTEXT is that of the first.  Return the preview."
  (let ((preview (pen-preview-open context name options)))
    (setf (pen-preview-given preview) values)
    (pen-complete--ask preview)
    preview))

(defun pen-complete--ask (preview)
  "Send the request of PREVIEW: first for the definition, then to complete."
  (let* ((buffer (current-buffer))
         (fail (lambda (err) (pen-answer-event preview 'error (pen-rpc-error-plist err)))))
    (pen-prompt-with
     (pen-preview-prompt preview)
     (pen-rpc-in-buffer
      buffer
      (lambda (definition)
        (unless (pen-preview-closed preview)
          (condition-case err
              (pen-answer-ask preview
                              (if (eq 'context (pen-preview-given preview))
                                  (pen-context-values (pen-preview-context preview) definition)
                                (pen-preview-given preview))
                              (plist-get definition :n))
            (error (funcall fail err))))))
     (pen-rpc-in-buffer buffer fail)
     (plist-get (pen-preview-options preview) :project))))

(defun pen-complete-here (options)
  "Continue the text before point by `pen-pun-prompt', asked with OPTIONS."
  (pen-preview-check-buffer)
  (let ((arguments (pen-org-arguments options '(:model :prompt :temperature :max-tokens :stop))))
    (pen-complete-at (pen-context-at-point)
                     (or (plist-get arguments :prompt) pen-pun-prompt)
                     arguments 'context)))

(defun pen-complete--read-options ()
  "With a prefix argument, ask for the model and the number of candidates."
  (and current-prefix-arg
       (list (pen-read-model)
             (read-number "Candidates: " (or pen-candidates 3)))))

;;;; Functions: from Lisp

;;;###autoload
(cl-defun pen-complete (name args &rest options &key n model temperature max-tokens seed stop
                             long without-filters project (deadline 120))
  "Complete by the definition NAME with ARGS, the values of its variables.
Wait for it and return the candidates, a list of strings.  N is how
many, MODEL which model, TEMPERATURE, MAX-TOKENS and SEED how to
sample, STOP a list of texts to stop at; nil leaves each to the
definition.  LONG ignores all stop texts and allows four times the
tokens, WITHOUT-FILTERS leaves texts as they are.  PROJECT is a
directory whose prompts/ is looked into first, by default that of this
buffer's project, or :null for none.  DEADLINE is in seconds.  OPTIONS
are these keys and their values.

\(fn NAME ARGS &key N MODEL TEMPERATURE MAX-TOKENS SEED STOP LONG WITHOUT-FILTERS PROJECT DEADLINE)"
  (ignore n model temperature max-tokens seed stop long without-filters project deadline)
  (pen-request-texts (apply #'pen-complete-result name args options)))

(cl-defun pen-complete-result (name args &rest options
                                    &key (deadline 120) function project &allow-other-keys)
  "Complete by NAME with ARGS like `pen-complete', but return the whole result.
OPTIONS, PROJECT and DEADLINE are as there, no DEADLINE if it is nil.  FUNCTION
gets (KIND PLIST) of what the service tells meanwhile."
  (let ((definition (pen-prompt-definition name project)))
    (pen-request-wait (pen-request-arguments name (pen-prompt-values definition args) options
                                             (plist-get definition :n))
                      deadline function)))

;;;; Commands

;;;###autoload
(defun pen-pun-complete (&optional model n)
  "Continue the puns before point, or those of the region, in a preview.
With a prefix argument, ask for the MODEL and the number of candidates N.
\\<pen-preview-map>In the preview \\[pen-preview-accept] accepts, \
\\[pen-preview-next] and \\[pen-preview-previous] show other candidates,
\\[pen-preview-accept-word] takes the next word, \\[pen-preview-reject] rejects."
  (interactive (pen-complete--read-options))
  (pen-complete-here (pen-plist-given (list :model model :n n))))

;;;###autoload
(defun pen-complete-long (&optional model n)
  "Continue the text before point like `pen-pun-complete', but for longer.
The model may write four times as much and stops at no stop text.
MODEL and N are as there."
  (interactive (pen-complete--read-options))
  (pen-complete-here (pen-plist-given (list :model model :n n :long t))))

;;;###autoload
(defun pen-complete-again ()
  "Ask once more for what the last preview of this buffer asked."
  (interactive)
  (let ((last (or pen-preview-last
                  (user-error "Nothing was completed in this buffer yet; M-x pen-pun-complete does it"))))
    (pen-preview-check-buffer)
    (pen-preview-close)
    (pen-complete-at (if (eq 'context (pen-preview-given last))
                         (pen-context-at-point)
                       (pen-context-again (pen-preview-context last)))
                     (pen-preview-prompt last) (pen-preview-options last)
                     (pen-preview-given last))))

(provide 'pen-complete)
;;; pen-complete.el ends here
