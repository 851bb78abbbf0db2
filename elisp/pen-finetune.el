;;; pen-finetune.el --- From a region to a running fine-tuning job -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-finetune-region' has the service build a training set, shows it, and
;; launches the job on `C-c C-c'.  With a prefix argument it launches at once.
;; A provider that is not this machine is always asked about first.
;;
;; From Lisp the job's id is returned, and nothing is shown:
;;
;;   (pen-finetune-region (point-min) (point-max) :n-epochs 2)

;;; Code:

(require 'seq)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-figure)
(require 'pen-stream)
(require 'pen-source)
(require 'pen-dataset)
(require 'pen-request)
(require 'pen-job)

;;;; Customization

(defcustom pen-confirm-upload t
  "Whether to ask before a training set goes to another machine.
With nil, launching is consent enough; records are then sent without
a question.  Nothing is ever sent to train on this machine."
  :type 'boolean
  :risky t
  :group 'pen)

;;;; Internal variables

(defvar pen-finetune--launching nil
  "Ids of the training sets whose jobs are asked for and not there yet.")

;;;; Functions

(defun pen-finetune-request (place arguments confirmed)
  "Return the arguments of the method jobs-launch for the training set at PLACE.
That is its directory, which its definition may have put anywhere, or a file.
ARGUMENTS are what to launch it with.  CONFIRMED says that somebody
let the data leave this machine; else the service refuses where they
would."
  (append (list :plan place)
          (and confirmed (list :confirmed t))
          (pen-dataset-options-among arguments pen-dataset-launch-options)))

(defun pen-finetune-check (plan)
  "Refuse to train on PLAN if one of its findings is an error."
  (when-let ((finding (seq-find (lambda (each) (eq 'error (plist-get each :level)))
                                (plist-get plan :findings))))
    (pen-rpc-signal (append '(:kind data) finding))))

(defun pen-finetune--local-p (plan)
  "Return non-nil if PLAN would be trained on this machine."
  (equal "local" (plist-get plan :provider)))

(defun pen-finetune--question (plan)
  "Return what to ask before the files of PLAN leave this machine."
  (format "Send %s (%s) to %s, %s? "
          (pen-figure-count (plist-get plan :records) "record")
          (file-size-human-readable (or (plist-get plan :bytes) 0) 'si " " "B")
          (plist-get plan :provider)
          (if-let ((cost (plist-get plan :cost)))
              (format "for about $%.2f" cost)
            "at an unknown price")))

(defun pen-finetune-confirm (plan confirmed)
  "Ask whether the data of PLAN may leave this machine, unless CONFIRMED.
Return non-nil if somebody said so, nil if they stay here and nobody
had to.  Signal `pen-refused-error' if they may not leave or nobody
can be asked."
  (cond ((pen-finetune--local-p plan) confirmed)
        (pen-libre-only
         (pen-finetune--refuse "%s is not this machine, and `pen-libre-only' keeps everything here; set it to nil to send the records."
                               (plist-get plan :provider)))
        ((or confirmed (not pen-confirm-upload)) t)
        (noninteractive
         (pen-finetune--refuse "Nobody can be asked whether %s may go to %s; give --yes, or from Lisp :confirm t."
                               (pen-figure-count (plist-get plan :records) "record")
                               (plist-get plan :provider)))
        ((y-or-n-p (pen-finetune--question plan)) t)
        (t (pen-finetune--refuse "Nothing was sent to %s, and no job was launched."
                                 (plist-get plan :provider)))))

(defun pen-finetune--refuse (format &rest args)
  "Signal `pen-refused-error' with FORMAT and ARGS."
  (pen-rpc-signal (list :kind 'refused :message (apply #'format-message format args))))

(defun pen-finetune--launch (plan arguments)
  "Ask what must be asked, launch PLAN with ARGUMENTS and show the job."
  (when (member (plist-get plan :id) pen-finetune--launching)
    (user-error "The job of this training set is being launched; wait for it"))
  (let ((confirmed (pen-rpc-for-person
                    (lambda ()
                      (pen-finetune-check plan)
                      (pen-finetune-confirm plan (plist-get arguments :confirm)))))
        (window (get-buffer-window "*pen-dataset*"))
        (launched (lambda ()
                    (setq pen-finetune--launching
                          (delete (plist-get plan :id) pen-finetune--launching)))))
    (push (plist-get plan :id) pen-finetune--launching)
    (message (if (pen-finetune--local-p plan)
                 "Launching the job; the engine starts if it must…"
               "Sending the training set…"))
    (condition-case err
        (apply #'pen-rpc-jobs-launch
               :then (lambda (job)
                       (funcall launched)
                       (message "Job %s is launched." (plist-get job :id))
                       (when (and (window-live-p window)
                                  (eq (window-buffer window) (get-buffer "*pen-dataset*")))
                         (quit-window nil window))
                       (pen-job (plist-get job :id)))
               :else (lambda (err)
                       (funcall launched)
                       (pen-rpc-report err))
               (pen-finetune-request (plist-get plan :directory) arguments confirmed))
      (error                            ; an option that cannot be sent
       (funcall launched)
       (signal (car err) (cdr err))))))

(defun pen-finetune--now (source arguments)
  "Build the training set of SOURCE with ARGUMENTS and launch it unseen."
  (message "Building the training set…")
  (pen-stream-start
   #'pen-rpc-datasets-plan
   (pen-dataset-request source arguments (plist-get arguments :edits))
   (lambda (kind plist)
     (when (memq kind '(done error))
       (pen-source-forget source))
     (pcase kind
       ;; A question must not be asked from inside a process filter.
       ('done (run-at-time 0 nil #'pen-finetune--launch-later
                           (plist-get plist :value) arguments))
       ('error (pen-rpc-tell plist))))))

(defun pen-finetune--launch-later (plan arguments)
  "Launch PLAN with ARGUMENTS from a timer."
  (with-local-quit
    (condition-case err
        (pen-finetune--launch plan arguments)
      (user-error (message "%s" (error-message-string err))))))

(defun pen-finetune-wait (source arguments &optional function)
  "Build the training set of SOURCE with ARGUMENTS, launch it, return the job.
Wait for both; FUNCTION gets the plan before anything is sent."
  (let ((plan (pen-dataset-plan source arguments)))
    (when function
      (funcall function plan))
    (pen-finetune-check plan)
    (apply #'pen-rpc-jobs-launch :deadline 120
           (pen-finetune-request
            (plist-get plan :directory) arguments
            (pen-finetune-confirm plan (plist-get arguments :confirm))))))

(defun pen-finetune-show (source arguments)
  "Show the training set of SOURCE with ARGUMENTS, to be trained on."
  (pen-dataset-show source arguments #'pen-finetune--launch pen-dataset-all-options))

(defun pen-finetune--run (source options)
  "Fine-tune on SOURCE as OPTIONS say; in :show, how much to show."
  (let ((arguments (pen-dataset-arguments options)))
    (pcase (plist-get options :show)
      ('preview (pen-finetune-show source arguments))
      ('job (pen-finetune--now source arguments))
      (_ (plist-get (pen-finetune-wait source arguments) :id)))))

;;;; Commands

;;;###autoload
(defun pen-finetune-region (beg end &rest options)
  "Fine-tune a model on the text from BEG to END.
Show the training set first; with a prefix argument, launch at once.
From Lisp, OPTIONS are the keys of `pen-dataset-all-options' and
:confirm, which lets the data go to a provider that is not this
machine; the value is the job's id."
  (interactive (append (pen-source-read-region)
                       (list :show (if current-prefix-arg 'job 'preview))))
  (pen-finetune--run (pen-source-region beg end) options))

;;;###autoload
(defun pen-finetune-file (file &rest options)
  "Fine-tune a model on FILE.
A prefix argument, OPTIONS and the value are as in `pen-finetune-region'."
  (interactive (list (pen-source-read-file "Fine-tune on file: ")
                     :show (if current-prefix-arg 'job 'preview)))
  (pen-finetune--run (pen-source-file file) options))

;;;###autoload
(defun pen-finetune-subtree (&rest options)
  "Fine-tune a model on the org subtree at point.
A prefix argument, OPTIONS and the value are as in `pen-finetune-region';
the properties PEN_PROMPT, PEN_MODEL, PEN_WEIGHTS and PEN_SPLIT count, too."
  (interactive (list :show (if current-prefix-arg 'job 'preview)))
  (pen-finetune--run (pen-source-subtree) (pen-dataset-subtree-options options)))

(provide 'pen-finetune)
;;; pen-finetune.el ends here
