;;; pen-job-state-test.el --- The job that a command here is about -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-job-action)

(ert-deftest pen-job-state-test-elsewhere-no-job-is-known ()
  (with-temp-buffer
    (should-not (pen-job-known))
    (should-not (pen-job-here))
    (should-error (pen-job-pause-or-resume) :type 'user-error)))

(ert-deftest pen-job-state-test-a-jobs-own-buffer-knows-it ()
  (with-temp-buffer
    (setq pen-job--id "ftjob-1")
    (should (equal (pen-job-here) "ftjob-1"))
    (setq pen-job--fields '(:id "ftjob-1" :status "running"))
    (should (equal (plist-get (pen-job-known) :status) "running"))))

(ert-deftest pen-job-state-test-a-list-says-which-job-is-at-point ()
  (with-temp-buffer
    (setq pen-job-at-point-function
          (lambda () (and (bobp) '(:id "ftjob-2" :status "paused"))))
    (should (equal (pen-job-here) "ftjob-2"))
    (insert "\n")
    (should-not (pen-job-here))))

(provide 'pen-job-state-test)
;;; pen-job-state-test.el ends here
