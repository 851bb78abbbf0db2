;;; pen-batch-arguments-test.el --- What scripts are given -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-batch)
(require 'pen-batch-arguments)

(ert-deftest pen-batch-arguments-test-leading-dashes-are-dropped ()
  (let ((command-line-args-left '("--" "puns" "--n=3")))
    (should (equal (pen-batch-arguments) '("puns" "--n=3")))
    (should-not command-line-args-left)))

(ert-deftest pen-batch-arguments-test-options-stand-anywhere-with-or-without-an-equals-sign ()
  (should (equal (pen-batch-arguments-parse '("--n=3" "puns" "--model" "m" "one\ntwo" "--json")
					    pen-batch--complete-options)
                 '((:n 3 :model "m" :json t) "puns" "one\ntwo"))))

(ert-deftest pen-batch-arguments-test-after-a-second-double-dash-nothing-is-an-option ()
  (should (equal (pen-batch-arguments-parse '("puns" "--" "--n" "x") pen-batch--complete-options)
                 '(nil "puns" "--n" "x"))))

(ert-deftest pen-batch-arguments-test-wrong-options-are-refused ()
  (dolist (arguments '(("--nn" "3") ("--n" "three") ("--n") ("--temperature" "hot")))
    (should-error (pen-batch-arguments-parse arguments pen-batch--complete-options)
                  :type 'user-error)))

(ert-deftest pen-batch-arguments-test-a-choice-is-a-symbol ()
  (should (equal (pen-batch-arguments-parse '("--tune" "lora") pen-batch--finetune-options)
                 '((:tune lora)))))

(provide 'pen-batch-arguments-test)
;;; pen-batch-arguments-test.el ends here
