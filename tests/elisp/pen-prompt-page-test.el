;;; pen-prompt-page-test.el --- All of a definition on a page -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-prompt-page)

(defconst pen-prompt-page-test-page
  "puns (a training set)\nAll puns.\n\nname   puns\nfile   /prompts/puns.yaml\nprompt pun-complete"
  "What the service writes of a training set.")

(ert-deftest pen-prompt-page-test-a-page-is-shown-and-leads-to-its-file ()
  (pen-rpc-fake-with (list (list "prompts-page" 'value pen-prompt-page-test-page)
                           '("prompts-list" value nil))
    (save-window-excursion
      (pen-describe-prompt "puns" t)
      (pen-fixture-until (lambda () (get-buffer "*pen prompt*")))
      (should (equal (pen-rpc-fake-last "prompts-page") '(:prompt "puns")))
      (with-current-buffer "*pen prompt*"
        (should (string-prefix-p "puns (a training set)\n" (buffer-string)))
        (goto-char (point-min))
        (search-forward "/prompts/pu")
        (let (visited)
          (cl-letf (((symbol-function 'find-file-other-window)
                     (lambda (file &rest _) (setq visited file))))
            (push-button (point)))
          (should (equal visited "/prompts/puns.yaml")))
        (kill-buffer)))))

(ert-deftest pen-prompt-page-test-from-lisp-the-page-is-the-value ()
  (pen-rpc-fake-with (list (list "prompts-page" 'value pen-prompt-page-test-page))
    (should (equal (pen-describe-prompt "puns") pen-prompt-page-test-page))
    (let ((default-directory "/tmp/"))
      (pen-describe-prompt "a.yaml"))
    (should (equal (pen-rpc-fake-last "prompts-page") '(:prompt "/tmp/a.yaml")))))

(ert-deftest pen-prompt-page-test-what-is-not-there-is-said ()
  (pen-rpc-fake-with '(("prompts-page" error not-found "There is no prompt 'x'." :hint "Is it y?"))
    (should (equal (pen-fixture-said (pen-describe-prompt "x" t) (pen-rpc-fake-settle))
                   "There is no prompt 'x'. Is it y?"))
    (should-not (get-buffer "*pen prompt*"))))

(provide 'pen-prompt-page-test)
;;; pen-prompt-page-test.el ends here
