;;; pen-figure-test.el --- Tests of figures as people say them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-figure)

(ert-deftest pen-figure-test-durations ()
  (should (equal (mapcar #'pen-figure-duration '(nil 0.0e+NaN 5 59.4 90 7200))
                 '("–" "–" "5 s" "59 s" "2 min" "2.0 h"))))

(ert-deftest pen-figure-test-thousands ()
  (should (equal (mapcar #'pen-figure-thousands '(0 999 1000 12345 1234567))
                 '("0" "999" "1,000" "12,345" "1,234,567"))))

(ert-deftest pen-figure-test-losses ()
  (should (equal (mapcar #'pen-figure-loss '(nil 2.34567 3 0.0e+NaN 1.0e+INF))
                 '("–" "2.346" "3.000" "NaN" "infinite")))
  (should (eq (get-text-property 0 'face (pen-figure-loss 0.0e+NaN)) 'error)))

(ert-deftest pen-figure-test-one-thing-is-no-plural ()
  (should (equal (mapcar (lambda (number) (pen-figure-count number "row")) '(0 1 1200))
                 '("0 rows" "1 row" "1,200 rows"))))

(ert-deftest pen-figure-test-a-short-number-has-a-digit-behind-the-point-if-it-needs-one ()
  (should (equal (mapcar #'pen-figure-short '(1 1.0 0.04 12.25 3.96)) '("1" "1" "0" "12.2" "4"))))

(provide 'pen-figure-test)
;;; pen-figure-test.el ends here
