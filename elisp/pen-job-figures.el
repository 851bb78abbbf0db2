;;; pen-job-figures.el --- Figures of a job, for people -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Pure functions: a job's fields in, words out.

;;; Code:

(require 'seq)

;;;; Internal variables

(defconst pen-job-statuses
  '(validating_files queued running paused succeeded failed cancelled)
  "How a job may stand.")

;;;; Predicates

(defun pen-job-finished-p (status)
  "Return non-nil if a job with STATUS will not change any more."
  (member (format "%s" status) '("succeeded" "failed" "cancelled")))

(defun pen-job-failed-p (status)
  "Return non-nil if a job with STATUS ended without a model."
  (member (format "%s" status) '("failed" "cancelled")))

(defun pen-job-paused-p (status)
  "Return non-nil if a job with STATUS waits for somebody to resume it."
  (equal (format "%s" status) "paused"))

;;;; Functions

(defun pen-job-status (status)
  "Return STATUS, a text of the service, as the symbol that it names."
  (seq-find (lambda (each) (equal (symbol-name each) (format "%s" status)))
            pen-job-statuses))

(defun pen-job-duration (seconds)
  "Return SECONDS as a person would say it."
  (cond ((or (not (numberp seconds)) (isnan (float seconds))) "–")
        ((< seconds 60) (format "%d s" (round seconds)))
        ((< seconds 3600) (format "%d min" (round seconds 60)))
        (t (format "%.1f h" (/ seconds 3600.0)))))

(defun pen-job-loss (loss)
  "Return LOSS for people; NaN in the face of an error."
  (cond ((not (numberp loss)) "–")
        ((or (isnan (float loss)) (= (abs loss) 1.0e+INF))
         (propertize (if (isnan (float loss)) "NaN" "infinite") 'face 'error))
        (t (format "%.3f" loss))))

(defun pen-job-rate (rate)
  "Return RATE, in tokens a second, for people."
  (if (numberp rate) (format "%d tokens/s" (round rate)) "–"))

(defun pen-job-standing (fields)
  "Return the status of the job with FIELDS, and what was asked of it since."
  (let ((status (format "%s" (or (plist-get fields :status) "…")))
        (want (plist-get fields :want)))
    (cond ((pen-job-finished-p status)
           (propertize status 'face (if (pen-job-failed-p status) 'error 'success)))
          ((equal want "cancel") "cancelling")
          ((and (equal want "pause") (not (pen-job-paused-p status))) "pausing")
          (t status))))

(defun pen-job-step (fields)
  "Return how far the job with FIELDS is, as in 12/100."
  (format "%s/%s" (or (plist-get fields :step) 0)
          (or (plist-get fields :total-steps) "?")))

(defun pen-job-count (number)
  "Return NUMBER with its thousands apart."
  (let ((text (number-to-string number)))
    (while (string-match "\\`\\([0-9]+\\)\\([0-9]\\{3\\}\\(?:,.*\\)?\\)\\'" text)
      (setq text (concat (match-string 1 text) "," (match-string 2 text))))
    text))

(defun pen-job-datum (plist name)
  "Return the datum NAME of the log event PLIST."
  (cadr (assoc name (plist-get plist :data))))

(provide 'pen-job-figures)
;;; pen-job-figures.el ends here
