;;; pen-block-task.el --- What runs for an org block, from beginning to end -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A task is begun with a function for its value and one for its error; one of
;; them is called, once and later.  It can be stopped, and the mode line says how
;; far it is.  Nothing here waits or knows org, or what a task does.

;;; Code:

(require 'cl-lib)
(require 'pen-rpc)
(require 'pen-stream)
(require 'pen-answer-activity)
(require 'pen-job-activity)

;;;; Internal variables

(cl-defstruct (pen-block-task (:constructor pen-block-task-make) (:copier nil))
  "What is asked: ACTION with ARGUMENTS, a plist, by a block with BODY.
VARS are its variables, an alist.  SOURCE is where records come from: a
`pen-source', the directory of a training set, or nil for those of the
definition.  FILE is where the result goes, if it does.  TURNS are
those of a conversation before this block, pairs of what was said and
answered.  THEN gets the value, ELSE the plist of an error.  STREAM
runs until CLOSED.  Of so many texts EXPECTED, nil if nobody knows,
those with the numbers BEGUN are there in part.  JOB is the id of the
job that is waited for, or nil."
  action arguments body vars source file turns then else stream closed expected begun job)

;;;; Functions: running

(defun pen-block-task-open (task then else)
  "Let THEN have the value of TASK, or ELSE the plist of an error, once."
  (setf (pen-block-task-then task) then
        (pen-block-task-else task) else)
  (pen-block-task--show task))

(defun pen-block-task-stop (task)
  "Stop TASK, but not a job that it has launched.
Return what goes on, nil if nothing does."
  (pen-block-task--close task)
  (when (pen-block-task-stream task)
    (pen-stream-cancel (pen-block-task-stream task)))
  (pen-block-task--left task))

(defun pen-block-task--left (task)
  "Return a remark on the job that TASK has launched, nil if there is none."
  (when (pen-block-task-job task)
    (format "job %s goes on, M-x pen-jobs shows it" (pen-block-task-job task))))

(defun pen-block-task--close (task)
  "Take nothing more into account for TASK, which has ended."
  (setf (pen-block-task-closed task) t)
  (pen-answer-activity-forget task)
  (pen-job-activity-forget task))

(defun pen-block-task-end (task value)
  "End TASK with VALUE."
  (unless (pen-block-task-closed task)
    (pen-block-task--close task)
    (funcall (pen-block-task-then task) value)))

(defun pen-block-task-fail (task plist)
  "End TASK with the error PLIST."
  (unless (pen-block-task-closed task)
    (pen-block-task--close task)
    (let ((left (and (not (eq 'job (plist-get plist :kind))) (pen-block-task--left task))))
      (funcall (pen-block-task-else task)
               (if left
                   (append (list :hint (concat (plist-get plist :hint)
                                               (and (plist-get plist :hint) " ")
                                               (capitalize (substring left 0 1)) (substring left 1) "."))
                           plist)
                 plist)))))

(defun pen-block-task-guarded (task function)
  "Return FUNCTION such that what it signals ends TASK, and not once TASK ended."
  (lambda (&rest args)
    (unless (pen-block-task-closed task)
      (condition-case err
          (apply function args)
        (user-error (pen-block-task-fail
                     task (list :kind 'bad-params :message (error-message-string err))))
        (error (pen-block-task-fail task (pen-rpc-error-plist err)))))))

(defun pen-block-task-failing (task)
  "Return a function that ends TASK with the condition it gets."
  (lambda (err) (pen-block-task-fail task (pen-rpc-error-plist err))))

(defun pen-block-task-follow (task start function)
  "Call START with a function for events of TASK, and FUNCTION with the last value."
  (let ((done (pen-block-task-guarded task function)))
    (setf (pen-block-task-stream task)
          (funcall start
                   (lambda (kind plist)
                     (pcase kind
                       ('log (pen-block-task--hear plist))
                       ('delta (pen-block-task-note-begun task (or (plist-get plist :index) 0)))
                       ('error (pen-block-task-fail task plist))
                       ('done (if (plist-get plist :value)
                                  (funcall done (plist-get plist :value))
                                (pen-block-task-fail
                                 task '(:kind cancelled :message "Somebody stopped it."))))))))))

(defun pen-block-task--hear (plist)
  "Say what the service warns of in the log event PLIST."
  (when (eq (plist-get plist :what) 'warning)
    (pen-rpc-log "%s" (plist-get plist :text))
    (message "%s" (plist-get plist :text))))

;;;; Functions: the mode line

(defun pen-block-task--show (task)
  "Say in the mode line how far TASK is."
  (unless (pen-block-task-closed task)
    (pen-answer-activity-note task (length (pen-block-task-begun task))
                              (pen-block-task-expected task))))

(defun pen-block-task-expect (task count)
  "Say in the mode line that TASK is to have COUNT texts."
  (setf (pen-block-task-expected task) count)
  (pen-block-task--show task))

(defun pen-block-task-note-begun (task number)
  "Note that TASK has a part of the text NUMBER."
  (unless (memql number (pen-block-task-begun task))
    (push number (pen-block-task-begun task))
    (pen-block-task--show task)))

(defun pen-block-task-note-job (task id fields)
  "Say in the mode line that TASK waits for the job ID, which has FIELDS."
  (unless (pen-block-task-closed task)
    (setf (pen-block-task-job task) id)
    (pen-answer-activity-forget task)
    (pen-job-activity-note id fields task)))

(provide 'pen-block-task)
;;; pen-block-task.el ends here
