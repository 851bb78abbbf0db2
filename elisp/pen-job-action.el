;;; pen-job-action.el --- What can be done to a job or to its model -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Pause, resume and cancel a job, use its model or a checkpoint, compare it
;; with its base, delete it.  The commands act on the job of this buffer, or of
;; this line of `pen-jobs', and ask for one elsewhere.  From Lisp they wait.

;;; Code:

(require 'pen-rpc-methods)
(require 'pen-read)
(require 'pen-model)
(require 'pen-job-state)
(require 'pen-job-status)
(require 'pen-job-follow)

;;;; Declarations

(declare-function pen-compare-models "pen-compare" (prompt base tuned))

;;;; Functions

(defun pen-job-here ()
  "Return the id of the job of this buffer or line; nil elsewhere."
  (or pen-job--id (plist-get (pen-job-known) :id)))

(defun pen-job-read ()
  "Return the id of the job of this buffer or line, else ask."
  (or (pen-job-here)
      (let ((id (pen-read-job-id)))
        (if (string-empty-p id)
            (user-error "No job was named")
          id))))

(defun pen-job--summary ()
  "Return what is known of the job of this buffer or line."
  (unless (pen-job-here)
    (user-error "There is no job here"))
  (pen-job-known))

(defun pen-job--do (method id wait doing)
  "Call METHOD for the job ID; WAIT and return the new status, or return nil.
DOING, a format for ID, says what begins: a step can take seconds."
  (if wait
      (let ((job (funcall method :id id)))
        (run-hook-with-args 'pen-job-touched-functions job)
        (pen-job-status (plist-get job :status)))
    (message doing id)
    (funcall method
             :id id
             :then (lambda (job)
                     (run-hook-with-args 'pen-job-touched-functions job)
                     (message "Job %s is %s." id (pen-job-standing job))))
    nil))

(defun pen-job--model ()
  "Return the model of the checkpoint on this line, else that of the job."
  (or (get-text-property (line-beginning-position) 'pen-job-checkpoint)
      (plist-get (pen-job--summary) :fine-tuned-model)
      (plist-get (car pen-job--checkpoints) :model)
      (user-error "This job has no model yet, and no checkpoint")))

;;;; Commands

;;;###autoload
(defun pen-job-cancel (id &optional ask)
  "Stop training the job ID for good; ASK first.
From Lisp, wait and return its new status, a symbol."
  (interactive (list (pen-job-read) t))
  (if (not ask)
      (pen-job--do #'pen-rpc-jobs-cancel id t "Cancelling %s…")
    (when (y-or-n-p (format "Stop training %s for good? " id))
      (pen-job--do #'pen-rpc-jobs-cancel id nil "Cancelling %s…"))))

;;;###autoload
(defun pen-job-pause (id &optional quietly)
  "Pause the job ID after its step; `pen-job-resume' has it go on.
From Lisp, wait and return its new status, a symbol; QUIETLY does not
wait and returns nil."
  (interactive (list (pen-job-read) t))
  (pen-job--do #'pen-rpc-jobs-pause id (not quietly) "Pausing %s after its step…"))

;;;###autoload
(defun pen-job-resume (id &optional quietly)
  "Let the paused job ID go on from where it was.
From Lisp, wait and return its new status, a symbol; QUIETLY does not
wait and returns nil."
  (interactive (list (pen-job-read) t))
  (pen-job--do #'pen-rpc-jobs-resume id (not quietly) "Resuming %s…"))

(defun pen-job-pause-or-resume ()
  "Pause the job of this buffer or line; resume it if it is paused."
  (interactive)
  (let* ((job (pen-job--summary))
         (status (plist-get job :status)))
    (when (pen-job-finished-p status)
      (user-error "This job has ended: it %s"
                  (if (equal status "cancelled") "was cancelled" status)))
    (if (or (pen-job-paused-p status) (equal (plist-get job :want) "pause"))
        (pen-job-resume (pen-job-here) t)
      (pen-job-pause (pen-job-here) t))))

(defun pen-job-use-model ()
  "Complete with the model of this checkpoint or job from now on."
  (interactive)
  (pen-model-use (pen-job--model)))

(defun pen-job-compare ()
  "Compare the model of this checkpoint or job with its base, side by side."
  (interactive)
  (let ((job (pen-job--summary))
        (model (pen-job--model)))
    (require 'pen-compare)
    (pen-compare-models (or (plist-get job :prompt) (pen-read-prompt-name nil))
                        (plist-get job :model) model)))

(defun pen-job-delete-model ()
  "Delete the model that the job of this line made; the job stays listed."
  (interactive)
  (let ((model (or (plist-get (pen-job--summary) :fine-tuned-model)
                   (user-error "This job has made no model"))))
    (when (y-or-n-p (format "Delete the model %s for good? " model))
      (pen-rpc-models-delete
       :id model
       :then (lambda (_) (message "Model %s is deleted." model))))))

(provide 'pen-job-action)
;;; pen-job-action.el ends here
