;;; pen-job-state.el --- What a buffer knows of its job -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The variables of a buffer that shows a job.  pen-job-follow.el fills them,
;; `pen-job' and pen-job-curve.el draw them, pen-job-action.el acts by them.
;; A list of jobs knows many; the one at point is what it says it is.

;;; Code:

;;;; Internal variables

(defvar-local pen-job--id nil "The job shown.")
(defvar-local pen-job--fields nil "What is known of the job, a plist.")
(defvar-local pen-job--curve nil
  "The steps measured, plists with :step :loss :valid-loss :tokens, newest first.")
(defvar-local pen-job--samples nil
  "Sample completions as (STEP PROMPT TEXT), newest first.")
(defvar-local pen-job--checkpoints nil
  "Checkpoints, plists with :step :model :train-loss :valid-loss, newest first.")
(defvar-local pen-job--events nil "Lines about what happened, newest first.")
(defvar-local pen-job--options nil "The options the job runs with, a list of plists.")
(defvar-local pen-job--error nil "Why the job is not followed any more, or nil.")

(defvar-local pen-job-changed-function #'ignore
  "Called without arguments in this buffer when something is known anew.")
(defvar-local pen-job-at-point-function #'ignore
  "Function that returns what a list of jobs knows of the one at point.")

;;;; Functions

(defun pen-job-known ()
  "Return what is known of the job of this buffer or line, a plist; nil elsewhere."
  (if pen-job--id pen-job--fields (funcall pen-job-at-point-function)))

(provide 'pen-job-state)
;;; pen-job-state.el ends here
