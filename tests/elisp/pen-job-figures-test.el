;;; pen-job-figures-test.el --- Figures for people -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-job-figures)

(ert-deftest pen-job-figures-test-durations ()
  (should (equal (mapcar #'pen-job-duration '(nil 0.0e+NaN 5 59.4 90 7200))
                 '("–" "–" "5 s" "59 s" "2 min" "2.0 h"))))

(ert-deftest pen-job-figures-test-counts ()
  (should (equal (mapcar #'pen-job-count '(0 999 1000 12345 1234567))
                 '("0" "999" "1,000" "12,345" "1,234,567"))))

(ert-deftest pen-job-figures-test-losses ()
  (should (equal (mapcar #'pen-job-loss '(nil 2.34567 3 0.0e+NaN 1.0e+INF))
                 '("–" "2.346" "3.000" "NaN" "infinite")))
  (should (eq (get-text-property 0 'face (pen-job-loss 0.0e+NaN)) 'error)))

(ert-deftest pen-job-figures-test-what-was-asked-of-a-job-is-part-of-how-it-stands ()
  (should (equal (mapcar #'pen-job-standing
                         '((:status "running") (:status "running" :want "pause")
                           (:status "paused" :want "pause") (:status "running" :want "cancel")
                           (:status "failed" :want "run") nil))
                 '("running" "pausing" "paused" "cancelling" "failed" "…"))))

(ert-deftest pen-job-figures-test-a-status-is-a-symbol-that-is-known ()
  (should (eq (pen-job-status "cancelled") 'cancelled))
  (should (eq (pen-job-status 'paused) 'paused))
  (should-not (pen-job-status "rm-rf")))

(provide 'pen-job-figures-test)
;;; pen-job-figures-test.el ends here
