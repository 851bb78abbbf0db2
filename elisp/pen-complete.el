;;; pen-complete.el --- Complete by a prompt definition -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-pun-complete' continues the puns before point, or those of the region.
;; What the model writes streams into an overlay: the buffer, its undo list and
;; its modified flag stay as they are until the text is accepted, which is one
;; change.  The keys of `pen-preview-map' work while point is at the preview.
;;
;; From Lisp, `pen-complete' waits and returns a list of strings:
;;
;;   (pen-complete "pun-complete" '("What do you call a parser in a hurry? A token runner.") :n 2)

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-redraw)
(require 'pen-stream)
(require 'pen-prompt)
(require 'pen-read)
(require 'pen-context)
(require 'pen-preview)

;;;; Customization

(defcustom pen-candidates nil
  "How many candidates to ask for; nil leaves it to the prompt definition."
  :type '(choice (const :tag "As the definition says" nil) natnum)
  :group 'pen)

(defcustom pen-default-model nil
  "Model that completes; nil means the newest one tuned from the definition."
  :type '(choice (const :tag "The newest tuned from the definition" nil) string)
  :risky t
  :group 'pen)

;;;; Functions: a request for a preview

(defun pen-complete--ask (preview)
  "Send the request of PREVIEW: first for the definition, then to complete."
  (let ((buffer (current-buffer))
        (fail (lambda (err) (pen-complete--event preview 'error
                                                (pen-stream-error-plist err)))))
    (pen-prompt-with
     (pen-preview-prompt preview)
     (pen-rpc-in-buffer
      buffer
      (lambda (definition)
        (when (eq preview pen-preview-current)
          (condition-case err
              (pen-complete--start preview definition)
            (error (funcall fail err))))))
     (pen-rpc-in-buffer buffer fail))))

(defun pen-complete--start (preview definition)
  "Ask to complete what stands before PREVIEW by DEFINITION."
  (let ((buffer (current-buffer))
        (values (pen-context-values (pen-preview-context preview) definition))
        (options (pen-preview-options preview)))
    (setf (pen-preview-note preview) "…" ; the service is there, and says if the engine is not
          (pen-preview-stream preview)
          (pen-stream-start
           #'pen-rpc-completions-start
           (append (list :prompt (pen-preview-prompt preview) :values values)
                   options)
           (pen-rpc-in-buffer buffer (lambda (kind plist)
                                       (pen-complete--event preview kind plist)))))))

(defun pen-complete--event (preview kind plist)
  "Let PREVIEW know of the event KIND with PLIST."
  (when (eq preview pen-preview-current)
    (pcase kind
      ('delta (pen-preview-add preview (or (plist-get plist :index) 0)
                                (plist-get plist :text))
              (pen-redraw-soon (pen-preview-redraw preview)))
      ('log (if (eq (plist-get plist :what) 'warning)
                (setf (pen-preview-warning preview) (plist-get plist :text))
              (setf (pen-preview-note preview) (plist-get plist :text)))
            (pen-redraw-soon (pen-preview-redraw preview)))
      ('done (pen-complete--finish preview (plist-get plist :value)))
      ('error (pen-complete--fail preview plist)))))

(defun pen-complete--finish (preview value)
  "Show in PREVIEW the whole result VALUE in place of what streamed."
  (let ((index -1))
    (setf (pen-preview-done preview) t
          (pen-preview-candidates preview)
          (mapcar (lambda (each)
                    (list (setq index (1+ index)) (plist-get each :text)))
                  (plist-get value :candidates))))
  (if (seq-some (lambda (text) (not (string-blank-p text)))
                (pen-preview-texts preview))
      (let ((message-log-max nil))
        (pen-redraw-now (pen-preview-redraw preview))
        (message "%s" (or (pen-preview-warning preview)
                          (format "%s: TAB accept, M-n M-p others, M-RET word, C-g reject"
                                  (plist-get value :model)))))
    (pen-preview-close)
    (message "%s wrote nothing this time; %s" (plist-get value :model)
             (substitute-command-keys "\\[pen-complete-again] asks again.")))
  (pen-preview-show-activity))

(defun pen-complete--fail (preview plist)
  "Say what went wrong, PLIST; keep PREVIEW if there is text to take."
  (if (pen-preview-candidates preview)
      (progn (setf (pen-preview-done preview) t)
             (pen-redraw-now (pen-preview-redraw preview))
             (pen-preview-show-activity))
    (pen-preview-close))
  (pen-stream-report plist))

;;;; Functions: from Lisp

;;;###autoload
(cl-defun pen-complete (name args &key n model temperature max-tokens seed (deadline 120))
  "Complete by the definition NAME with ARGS, the values of its variables.
Wait for it and return the candidates, a list of strings.  N is how
many, MODEL which model, TEMPERATURE, MAX-TOKENS and SEED how to
sample; nil leaves each to the definition.  DEADLINE is in seconds."
  (let ((result (pen-complete-result name args :n n :model model :seed seed
                                     :temperature temperature
                                     :max-tokens max-tokens :deadline deadline)))
    (mapcar (lambda (each) (plist-get each :text)) (plist-get result :candidates))))

(cl-defun pen-complete-result (name args &key n model temperature max-tokens seed (deadline 120))
  "Complete by NAME with ARGS like `pen-complete', but return the whole result.
N, MODEL, TEMPERATURE, MAX-TOKENS, SEED and DEADLINE are as there."
  (let ((values (pen-prompt-values (pen-prompt-definition name) args)))
    (pen-stream-wait #'pen-rpc-completions-start
                     (append (list :prompt name :values values)
                             (pen-complete--given
                              :n (or n pen-candidates)
                              :model (or model pen-default-model)
                              :temperature temperature
                              :max-tokens max-tokens :seed seed))
                     deadline)))

(defun pen-complete--given (&rest plist)
  "Return PLIST without the keys whose value is nil."
  (cl-loop for (key value) on plist by #'cddr
           when value append (list key value)))

;;;; Commands

;;;###autoload
(defun pen-pun-complete (&optional model n)
  "Continue the puns before point, or those of the region, in a preview.
With a prefix argument, ask for the MODEL and the number of candidates N.
\\<pen-preview-map>In the preview \\[pen-preview-accept] accepts, \
\\[pen-preview-next] and \\[pen-preview-previous] show other candidates,
\\[pen-preview-accept-word] takes the next word, \\[pen-preview-reject] rejects."
  (interactive (and current-prefix-arg
                    (list (pen-read-model)
                          (read-number "Candidates: " (or pen-candidates 3)))))
  (when buffer-read-only
    (user-error "This buffer is read-only, so no completion can be put into it"))
  (let ((preview (pen-preview-open
                  (pen-context-at-point) pen-pun-prompt
                  (pen-complete--given :model (or model pen-default-model)
                                       :n (or n pen-candidates)))))
    (pen-complete--ask preview)))

;;;###autoload
(defun pen-complete-again ()
  "Ask once more for what the last preview of this buffer asked."
  (interactive)
  (let ((last (or pen-preview-last
                  (user-error "Nothing was completed in this buffer yet"))))
    (pen-preview-close)
    (pen-complete--ask
     (pen-preview-open (pen-context-at-point) (pen-preview-prompt last)
                        (pen-preview-options last)))))

(provide 'pen-complete)
;;; pen-complete.el ends here
