;;; pen-dataset-options-test.el --- Options as texts and as values -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-dataset-options)

(ert-deftest pen-dataset-options-test-options-are-typed ()
  (should (equal (pen-dataset-option-value '(:n-epochs integer) "3") 3))
  (should (equal (pen-dataset-option-value '(:learning-rate number) "1e-4") 1e-4))
  (should-not (pen-dataset-option-value '(:model string) " "))
  (should-error (pen-dataset-option-value '(:n-epochs integer) "3.5") :type 'user-error)
  (should-error (pen-dataset-option-value '(:tune (full lora)) "half") :type 'user-error))

(provide 'pen-dataset-options-test)
;;; pen-dataset-options-test.el ends here
