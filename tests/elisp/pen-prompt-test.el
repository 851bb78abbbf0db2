;;; pen-prompt-test.el --- Definitions as Emacs sees them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-prompt)

(ert-deftest pen-prompt-test-a-slug-goes-before-an-alias ()
  (let ((definitions '((:slug "a" :aliases ("b")) (:slug "b") (:slug "c" :aliases ("d")))))
    (should (equal (pen-prompt-find "b" definitions) '(:slug "b")))
    (should (equal (plist-get (pen-prompt-find "d" definitions) :slug) "c"))
    (should-not (pen-prompt-find "e" definitions))))

(ert-deftest pen-prompt-test-a-name-that-is-not-listed-is-asked-for-by-itself ()
  (pen-rpc-fake-with '(("prompts-list" value nil)
                       ("prompts-show" value (:summary (:slug "from-a-file"))))
    (should (equal (pen-prompt-definition "/x/a.yaml") '(:slug "from-a-file")))
    (let (got)
      (pen-prompt-with "/x/a.yaml" (lambda (definition) (setq got definition)) #'ignore)
      (pen-rpc-fake-settle)
      (should (equal got '(:slug "from-a-file"))))))

(ert-deftest pen-prompt-test-a-training-set-is-no-prompt-to-run ()
  (pen-rpc-fake-with '(("prompts-list" value nil)
                       ("prompts-show" value (:summary (:slug "puns" :kind "dataset")
                                              :training (:prompt "pun-complete"))))
    (let ((err (should-error (pen-prompt-definition "puns") :type 'pen-prompt-error)) heard)
      (should (equal (cadr err) "puns is a training set, not a prompt; its prompt is pun-complete"))
      (pen-prompt-with "puns" #'ignore (lambda (err) (setq heard err)))
      (pen-rpc-fake-settle)
      (should (equal heard err)))))

(ert-deftest pen-prompt-test-values-are-named-and-counted ()
  (let ((definition (nth 2 pen-fixture-definitions)))
    (should (equal (pen-prompt-values definition (list 5 (propertize "x" 'face 'bold)))
                   '(("n" "5") ("things" "x"))))
    (should (equal (pen-prompt-values definition '(t nil)) '(("n" "true"))))
    (let ((err (should-error (pen-prompt-values definition '(1)) :type 'pen-bad-params-error)))
      (should (equal (cadr err)
                     "\"list-of\" takes 2 arguments (n, things), but 1 were given.")))))

(ert-deftest pen-prompt-test-a-list-is-joined-as-its-definition-says ()
  (should (equal (pen-prompt-values '(:arity 1 :variables ((:name "a" :join ", ")))
                                    '(("x" 2 "z")))
                 '(("a" "x, 2, z")))))

(ert-deftest pen-prompt-test-what-was-heard-is-kept-in-a-file ()
  (pen-fixture-with nil
    (let ((definitions '((:slug "ümläut" :title "t\nt" :arity 0))))
      (pen-prompt-learn definitions '(("pf-x/0" . "doc")))
      (let ((pen-prompt--known 'unread))
        (should (equal (pen-prompt-known) definitions))))))

(ert-deftest pen-prompt-test-before-anything-was-heard-those-that-come-with-pen-are-known ()
  (let ((user-emacs-directory "/proc/nowhere/") (pen-prompt--known 'unread))
    (should (equal (plist-get (pen-prompt-find "pun-complete" (pen-prompt-known)) :arity) 1))))

(ert-deftest pen-prompt-test-what-the-service-lists-becomes-commands-when-there-is-a-moment ()
  (pen-fixture-with nil
    (let* ((new '(:slug "new-one" :title "New one" :arity 0 :variables nil :use buffer))
           (definitions (cons new pen-fixture-definitions))
           (timer-idle-list nil) heard)
      (pen-rpc-fake-with (list (list "prompts-list" 'value definitions))
        (pen-prompt-list :then (lambda (given) (setq heard given)))
        (pen-fixture-until (lambda () heard))
        (should (equal heard definitions))
        (should-not (fboundp 'pf-new-one/0))
        (apply (timer--function (car timer-idle-list)) (timer--args (car timer-idle-list)))
        (unwind-protect (should (commandp 'pf-new-one/0))
          (fmakunbound 'pf-new-one/0))
        (should (string-match-p "pf-new-one/0" (pen-fixture-read (pen-prompt-file))))
        (setq timer-idle-list nil heard nil)
        (pen-prompt-list :then (lambda (given) (setq heard given)))
        (pen-fixture-until (lambda () heard))
        (should-not timer-idle-list)))))

(ert-deftest pen-prompt-test-a-place-that-cannot-be-written-is-no-error ()
  (let ((user-emacs-directory "/proc/nowhere/") (pen-prompt--known nil))
    (pen-prompt-learn '((:slug "a")) nil)
    (should (equal (pen-prompt-known) '((:slug "a"))))))

(ert-deftest pen-prompt-test-the-service-is-told-of-a-directory-of-ones-own ()
  (let ((pen-prompts-directory "~/mine"))
    (should (equal (pen-rpc--environment)
                   (list (concat "PEN_PROMPTS_DIRECTORY=" (expand-file-name "~/mine"))))))
  (let ((pen-prompts-directory nil))
    (should-not (pen-rpc--environment))))

(ert-deftest pen-prompt-test-options-of-paths-models-and-hosts-are-risky ()
  (require 'pen-command)
  (dolist (option '(pen-prompts-directory pen-default-model pen-force-engine pen-libre-only))
    (should (risky-local-variable-p option))))

(provide 'pen-prompt-test)
;;; pen-prompt-test.el ends here
