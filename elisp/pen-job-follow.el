;;; pen-job-follow.el --- Follow a job by what happens to it -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-job-follow' asks once how a job stands and then takes what happens
;; from events; what this buffer knows of it is in pen-job-state.el.  Jobs live
;; in the engine: when the service dies, the link follows them on from the last
;; event that was seen.

;;; Code:

(require 'seq)
(require 'pen-plist)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-stream)
(require 'pen-job-state)
(require 'pen-job-status)
(require 'pen-job-activity)

;;;; Internal variables

(defvar-local pen-job--stream nil "The subscription to the job's events.")
(defvar-local pen-job--asking nil "Non-nil while the job's status is asked for.")
(defvar-local pen-job--was-finished nil "Non-nil if the job had ended when first asked.")

(defvar pen-job-touched-functions nil
  "Functions that get what is known of a job that somebody turned to.")

(defconst pen-job--most-events 200
  "How many events and samples a buffer keeps.")

;;;; Functions: beginning and end

(defun pen-job-follow (id)
  "Follow the job ID in this buffer."
  (pen-job-let-go)
  (setq pen-job--id id
        pen-job--error nil)
  (pen-job--ask))

(defun pen-job-let-go ()
  "Follow the job of this buffer no more."
  (when pen-job--stream
    (pen-stream-cancel pen-job--stream)
    (setq pen-job--stream nil))
  (pen-job-activity-forget))

(defun pen-job--ask ()
  "Ask how the job stands, then subscribe to what happens to it."
  (pen-rpc-jobs-show
   :id pen-job--id
   :then (pen-rpc-in-buffer (current-buffer) #'pen-job--begin)
   :else (pen-rpc-in-buffer
          (current-buffer)
          (lambda (err) (pen-job--fail (pen-rpc-error-plist err))))))

(defun pen-job--begin (detail)
  "Take over DETAIL, the job as it stands, and follow it from there."
  (setq pen-job--options (plist-get detail :hyperparameters)
        pen-job--curve (nreverse (mapcar #'pen-job--point (plist-get detail :curve)))
        pen-job--samples (pen-job--known-samples (plist-get detail :samples))
        pen-job--checkpoints (pen-job--newest-first (plist-get detail :checkpoints))
        pen-job--events (mapcar #'pen-job--message (plist-get detail :messages))
        pen-job--was-finished (pen-job-finished-p (plist-get detail :status)))
  (pen-job--learn detail)
  (unless pen-job--was-finished
    (run-hook-with-args 'pen-job-touched-functions pen-job--fields)
    (setq pen-job--stream
          (pen-stream-start
           #'pen-rpc-jobs-watch
           (append (list :id pen-job--id)
                   (when-let ((last (plist-get detail :event)))
                     (list :since last)))
           (pen-rpc-in-buffer (current-buffer) #'pen-job--event)))))

(defun pen-job--known-samples (samples)
  "Return SAMPLES of the service and those written here now, the latest first."
  (let ((told (mapcar (lambda (sample)
                        (list (plist-get sample :step) (plist-get sample :prompt)
                              (plist-get sample :completion)))
                      samples)))
    (seq-sort-by (lambda (one) (- (or (car one) 0))) #'<
                 (append (seq-difference pen-job--samples told) told))))

(defun pen-job--fail (plist)
  "Say by the error PLIST why the job cannot be followed."
  (setq pen-job--error (pen-rpc-sentence plist))
  (pen-job-activity-forget)
  (funcall pen-job-changed-function)
  (pen-rpc-tell plist))

;;;; Functions: what events tell

(defun pen-job--event (kind plist)
  "Take the event KIND with PLIST into account."
  (pcase kind
    ('progress (pen-job--add-points plist)
               (pen-job--learn (pen-job--progress plist)))
    ('log (pen-job--log plist)
          (funcall pen-job-changed-function))
    ('done (unless (eq (plist-get plist :reason) 'cancelled)
             (pen-job--learn (plist-get plist :value))
             (pen-job--say-end)
             (pen-job--ask)))           ; what it has cost, and all checkpoints
    ('error (pen-job--fail plist))))

(defun pen-job--learn (fields)
  "Take over FIELDS of the job; those that are nil do not count."
  (setq pen-job--fields (pen-plist-with pen-job--fields (pen-plist-given fields)))
  (unless pen-job--error
    (pen-job-activity-note pen-job--id pen-job--fields))
  (funcall pen-job-changed-function))

(defun pen-job--progress (plist)
  "Return the progress event PLIST under the names of a job's fields."
  (list :status (and (plist-get plist :step) "running")
        :step (plist-get plist :step)
        :total-steps (plist-get plist :steps)
        :epoch (plist-get plist :epoch)
        :train-loss (plist-get plist :loss)
        :valid-loss (plist-get plist :valid-loss)
        :learning-rate (plist-get plist :learning-rate)
        :tokens-per-second (plist-get plist :tokens-per-second)
        :eta-seconds (plist-get plist :eta)
        :trained-tokens (plist-get plist :tokens)))

(defun pen-job--add-points (plist)
  "Continue the curve by the progress event PLIST."
  (dolist (point (append (plist-get plist :points) (list plist)))
    (when (and (plist-get point :step)
               (> (plist-get point :step) (or (plist-get (car pen-job--curve) :step) -1)))
      (push (pen-job--point point) pen-job--curve))))

(defun pen-job--point (plist)
  "Return PLIST, of an event or of a job's description, as a step of the curve."
  (list :step (plist-get plist :step)
        :loss (or (plist-get plist :loss) (plist-get plist :train-loss))
        :valid-loss (plist-get plist :valid-loss)
        :tokens (plist-get plist :tokens)))

(defun pen-job--log (plist)
  "Keep the news of the log event PLIST."
  (pcase (plist-get plist :what)
    ('sample
     (pen-job-add-sample (pen-job-datum plist "step") (pen-job-datum plist "prompt")
                         (plist-get plist :text)))
    ('checkpoint (pen-job--add-checkpoint plist))
    (_ (when-let ((state (pen-job-datum plist "state")))
         (pen-job--learn (list :status state)))
       (unless (pen-job-datum plist "kind") ; of a provider that tells no states
         (pen-job--ask-status))))
  (unless (eq (plist-get plist :what) 'sample)
    (setq pen-job--events
          (seq-take (cons (pen-job--message
                           (list :level (if (eq (plist-get plist :what) 'checkpoint)
                                            'checkpoint
                                          (plist-get plist :level))
                                 :text (plist-get plist :text)))
                          pen-job--events)
                    pen-job--most-events))))

(defun pen-job-add-sample (step prompt text)
  "Keep TEXT, written after PROMPT by the model of STEP."
  (setq pen-job--samples (seq-take (cons (list step prompt text) pen-job--samples)
                                   pen-job--most-events)))

(defun pen-job--add-checkpoint (plist)
  "Keep the checkpoint of the log event PLIST, if it can be used."
  (when-let ((model (pen-job-datum plist "name")))
    (let ((metrics (pen-job-datum plist "metrics")))
      (setq pen-job--checkpoints
            (pen-job--newest-first
             (cons (list :step (pen-job-datum plist "step") :model model
                         :train-loss (cadr (assoc "train_loss" metrics))
                         :valid-loss (or (cadr (assoc "full_valid_loss" metrics))
                                         (cadr (assoc "valid_loss" metrics))))
                   (seq-remove (lambda (one) (equal (plist-get one :model) model))
                               pen-job--checkpoints)))))))

(defun pen-job--newest-first (checkpoints)
  "Return CHECKPOINTS, the latest first."
  (seq-sort-by (lambda (one) (- (or (plist-get one :step) 0))) #'< checkpoints))

(defun pen-job--message (plist)
  "Return PLIST, with :level and :text, as a line."
  (pcase (format "%s" (plist-get plist :level))
    ("checkpoint" (concat "checkpoint: " (plist-get plist :text)))
    ((or "warn" "warning") (concat (propertize "warning: " 'face 'warning)
                                   (plist-get plist :text)))
    ("error" (concat (propertize "error: " 'face 'error) (plist-get plist :text)))
    (_ (plist-get plist :text))))

(defun pen-job--ask-status ()
  "Ask how the job is now; a message often means that it entered another state."
  (unless pen-job--asking
    (setq pen-job--asking t)
    (let ((buffer (current-buffer)))
      (pen-rpc-jobs-show
       :id pen-job--id
       :then (pen-rpc-in-buffer
              buffer
              (lambda (detail)
                (setq pen-job--asking nil)
                (unless (pen-job-finished-p (plist-get pen-job--fields :status))
                  (setq pen-job--options (plist-get detail :hyperparameters))
                  (pen-job--learn (list :status (plist-get detail :status))))))
       :else (pen-rpc-in-buffer buffer (lambda (_) (setq pen-job--asking nil)))))))

(defun pen-job--say-end ()
  "Say in the echo area how the job ended."
  (let ((status (plist-get pen-job--fields :status))
        (model (plist-get pen-job--fields :fine-tuned-model)))
    (cond ((pen-job-failed-p status)
           (message "%s" (pen-job-ending pen-job--id pen-job--fields)))
          (model
           (message "Job %s is done; \"%s\" now answers with %s." pen-job--id
                    (or (plist-get pen-job--fields :prompt) "its prompt") model)))))

(provide 'pen-job-follow)
;;; pen-job-follow.el ends here
