;;; pen-acolyte-test.el --- The keys of old -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-acolyte)

(ert-deftest pen-acolyte-test-the-keys-are-there-only-when-asked-for ()
  (should-not (default-value 'pen-acolyte-minor-mode))
  (with-temp-buffer
    (should-not (eq (key-binding (kbd "M-r")) 'pen-run-prompt-function))
    (pen-acolyte-minor-mode)
    (pcase-dolist (`(,key . ,command)
                   '(("M-r" . pen-run-prompt-function) ("M-f" . pen-filter-with-prompt-function)
                     ("M-l" . pen-complete-long) ("M-L" . pen-show-last-prompt)
                     ("M-g" . pen-complete-again) ("M-p" . pen-acolyte-find-prompt)))
      (should (eq (key-binding (kbd key)) command)))))

(ert-deftest pen-acolyte-test-a-definition-is-visited-by-any-of-its-names ()
  (pen-fixture-with nil
    (let (visited)
      (cl-letf (((symbol-function 'find-file) (lambda (path) (push path visited))))
        (pen-acolyte-find-prompt "neat")
        (pen-acolyte-find-prompt "greet"))
      (should (equal visited '("/prompts/greet.yaml" "/prompts/tidy.yaml"))))))

(ert-deftest pen-acolyte-test-what-is-no-definition-is-said-in-a-sentence ()
  (pen-fixture-with nil
    (push '("prompts-show" error not-found "There is no prompt x." :hint "Is it greet?")
          pen-rpc-fake--table)
    (should (equal (cadr (should-error (pen-acolyte-find-prompt "x") :type 'user-error))
                   "There is no prompt x. Is it greet?"))))

(provide 'pen-acolyte-test)
;;; pen-acolyte-test.el ends here
