;;; pen-job-status.el --- How a job stands -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Pure functions: a job's fields in, words out.

;;; Code:

(require 'seq)
(require 'subr-x)

;;;; Internal variables

(defconst pen-job-statuses
  '(validating_files queued running paused succeeded failed cancelled)
  "How a job may stand.")

;;;; Predicates

(defun pen-job-finished-p (status)
  "Return non-nil if a job with STATUS will not change any more."
  (member status '("succeeded" "failed" "cancelled")))

(defun pen-job-failed-p (status)
  "Return non-nil if a job with STATUS ended without a model."
  (member status '("failed" "cancelled")))

(defun pen-job-paused-p (status)
  "Return non-nil if a job with STATUS waits for somebody to resume it."
  (equal status "paused"))

;;;; Functions

(defun pen-job-status (status)
  "Return STATUS, a text of the service, as the symbol that it names."
  (seq-find (lambda (each) (equal (symbol-name each) status))
            pen-job-statuses))

(defun pen-job-standing (fields)
  "Return the status of the job with FIELDS, and what was asked of it since."
  (let ((status (or (plist-get fields :status) "…"))
        (want (plist-get fields :want)))
    (cond ((pen-job-finished-p status)
           (propertize status 'face (if (pen-job-failed-p status) 'error 'success)))
          ((equal want "cancel") "cancelling")
          ((and (equal want "pause") (not (pen-job-paused-p status))) "pausing")
          (t (string-replace "_" " " status)))))

(defun pen-job-ending (id job)
  "Return in a sentence how the JOB called ID ended without a model."
  (format "Job %s %s%s" id
          (if (equal "cancelled" (plist-get job :status)) "was cancelled" "failed")
          (if-let ((err (plist-get job :error))) (concat ": " err) ".")))

(defun pen-job-step (fields)
  "Return how far the job with FIELDS is, as in 12/100."
  (format "%s/%s" (or (plist-get fields :step) 0)
          (or (plist-get fields :total-steps) "?")))

(defun pen-job-datum (plist name)
  "Return the datum NAME of the log event PLIST."
  (cadr (assoc name (plist-get plist :data))))

(provide 'pen-job-status)
;;; pen-job-status.el ends here
