;;; pen-plist-test.el --- Tests of parts of property lists -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-plist)

(ert-deftest pen-plist-test-a-part-is-chosen-by-keys-or-by-having-a-value ()
  (should (equal (pen-plist-given '(:n nil :model "m" :seed 1)) '(:model "m" :seed 1)))
  (should (equal (pen-plist-only '(:n nil :model "m" :seed 1) '(:seed :n :stop))
                 '(:seed 1 :n nil)))
  (should (equal (pen-plist-without '(:n nil :model "m" :seed 1) '(:n :seed)) '(:model "m"))))

(ert-deftest pen-plist-test-fields-are-laid-over-a-copy ()
  (let ((old (list :n 1 :seed 2)))
    (should (equal (pen-plist-with old '(:seed nil :model "m")) '(:n 1 :seed nil :model "m")))
    (should (equal old '(:n 1 :seed 2)))))

(provide 'pen-plist-test)
;;; pen-plist-test.el ends here
