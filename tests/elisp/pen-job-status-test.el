;;; pen-job-status-test.el --- Tests of how a job stands -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-job-status)

(ert-deftest pen-job-status-test-what-was-asked-of-a-job-is-part-of-how-it-stands ()
  (should (equal (mapcar #'pen-job-standing
                         '((:status "running") (:status "running" :want "pause")
                           (:status "paused" :want "pause") (:status "running" :want "cancel")
                           (:status "failed" :want "run") (:status "validating_files") nil))
                 '("running" "pausing" "paused" "cancelling" "failed" "validating files" "…"))))

(ert-deftest pen-job-status-test-a-status-is-a-symbol-that-is-known ()
  (should (eq (pen-job-status "cancelled") 'cancelled))
  (should-not (pen-job-status "rm-rf")))

(ert-deftest pen-job-status-test-an-ending-says-why ()
  (should (equal (pen-job-ending "ftjob-1" '(:status "failed" :error "No rows."))
                 "Job ftjob-1 failed: No rows."))
  (should (equal (pen-job-ending "ftjob-1" '(:status "cancelled")) "Job ftjob-1 was cancelled.")))

(provide 'pen-job-status-test)
;;; pen-job-status-test.el ends here
