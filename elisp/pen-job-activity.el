;;; pen-job-activity.el --- What the mode line says of jobs -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Buffers and org blocks that follow jobs tell here how far they are; `pen-mode' shows
;; `pen-job-activity', which changes with an event and never by a timer.

;;; Code:

(require 'seq)
(require 'pen-job-status)

;;;; Internal variables

(defvar pen-job-activity nil
  "How many jobs run and how far the newest is, [2 120/400], or nil.")

(defvar pen-job-activity--running nil
  "Jobs that run, newest first: lists (ID FOLLOWER FIELDS).")

;;;; Functions

(defun pen-job-activity-note (id fields &optional follower)
  "Tell the FIELDS of the job ID, followed by FOLLOWER, by default this buffer."
  (let ((follower (or follower (current-buffer))))
    (if (or (pen-job-finished-p (plist-get fields :status))
            (pen-job-paused-p (plist-get fields :status)))
        (setq pen-job-activity--running
              (seq-remove (lambda (one) (equal (car one) id)) pen-job-activity--running))
      (let ((known (seq-find (lambda (one) (and (equal (car one) id) (eq (cadr one) follower)))
                             pen-job-activity--running)))
        (if known
            (setcar (cddr known) fields)
          (push (list id follower fields) pen-job-activity--running))))
    (pen-job-activity--show)))

(defun pen-job-activity-forget (&optional follower)
  "Tell that FOLLOWER, by default this buffer, follows no job any more."
  (let ((follower (or follower (current-buffer))))
    (setq pen-job-activity--running
          (seq-remove (lambda (one) (eq (cadr one) follower)) pen-job-activity--running))
    (pen-job-activity--show)))

(defun pen-job-activity-ids ()
  "Return the ids of the jobs that run and are followed, the newest first."
  (seq-uniq (mapcar #'car pen-job-activity--running)))

(defun pen-job-activity--show ()
  "Say in the mode line how many jobs run, and how far the newest is."
  (let* ((ids (pen-job-activity-ids))
         (newest (seq-filter (lambda (one) (equal (car one) (car ids)))
                             pen-job-activity--running))
         (text (and ids
                    (format "[%d %s]" (length ids)
                            (pen-job-step
                             (car (seq-sort-by
                                   (lambda (fields) (or (plist-get fields :step) 0)) #'>
                                   (mapcar #'caddr newest))))))))
    (unless (equal text pen-job-activity)
      (setq pen-job-activity text)
      (force-mode-line-update t))))

(provide 'pen-job-activity)
;;; pen-job-activity.el ends here
