;;; pen-place-test.el --- Places come apart -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-place)

(ert-deftest pen-place-test-a-place-has-a-file-a-line-and-perhaps-a-column ()
  (should (equal (pen-place-parts "a b.yaml:12") '("a b.yaml" 12 nil)))
  (should (equal (pen-place-parts "/x/puns.yaml:12:3") '("/x/puns.yaml" 12 3)))
  (should (equal (pen-place-parts "12:30 chat.txt:4") '("12:30 chat.txt" 4 nil)))
  (should (equal (pen-place-parts ":4:1") '("" 4 1))))

(ert-deftest pen-place-test-what-is-no-line-is-no-place ()
  (dolist (where '(nil "" "puns.yaml" "puns.yaml:" "puns.yaml:x" "puns.yaml:1:" "a\nb:1"))
    (should-not (pen-place-parts where))))

(provide 'pen-place-test)
;;; pen-place-test.el ends here
