;;; pen-finetune-test.el --- From a preview to a job -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'org)
(require 'pen-dataset-testing)

;;;; The launch

(ert-deftest pen-finetune-test-launch-opens-the-job ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (pen-fixture-press "C-c C-c")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1")))
    (should (equal (buffer-name (window-buffer)) "*pen-job ftjob-1*"))
    (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-finetune-test-a-launch-that-is-under-way-is-not-repeated ()
  (let (pen-finetune--launching)
    (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
      (let ((preview (current-buffer)))
        (pen-fixture-press "C-c C-c")
        (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
        (pen-rpc-fake-settle)
        (with-current-buffer preview    ; once it runs, another may be launched
          (pen-fixture-press "C-c C-c"))
        (pen-rpc-fake-settle)
        (should (= 2 (cl-count "jobs-launch" pen-rpc-fake-calls :key #'car :test #'equal)))
        (should-not pen-finetune--launching)
        (kill-buffer "*pen-job ftjob-1*")))))

(ert-deftest pen-finetune-test-errors-among-the-findings-forbid-a-launch ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
    (should (eq (pen-rpc-fake-last "jobs-launch") 'none))))

(ert-deftest pen-finetune-test-launch-before-the-plan-is-refused ()
  (pen-dataset-test-with '(("datasets-plan" hang))
    (should-error (pen-fixture-press "C-c C-c") :type 'user-error)))

(ert-deftest pen-finetune-test-data-stay-here-unless-confirmed ()
  (pen-dataset-test-with (pen-dataset-test-answer
                          (pen-dataset-test-good-plan :provider "api.example.com"))
    (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
    (let ((noninteractive nil) asked)
      (cl-letf (((symbol-function 'y-or-n-p) (lambda (question) (setq asked question))))
        (pen-fixture-press "C-c C-c"))
      (should (equal asked "Send 3 records (2 kB) to api.example.com, for about $0.00? ")))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1" :confirmed t)))
    (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-finetune-test-prefix-argument-skips-the-preview ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (save-window-excursion
      (with-temp-buffer
        (insert "one\ntwo")
        (let ((current-prefix-arg '(4)))
          (push-mark 1 t t)
          (let ((transient-mark-mode t))
            (call-interactively #'pen-finetune-region)))
        (pen-rpc-fake-settle 0.1)
        (should-not (get-buffer "*pen-dataset*"))
        (should (equal (buffer-name (window-buffer)) "*pen-job ftjob-1*"))
        (kill-buffer "*pen-job ftjob-1*")))))

;;;; From Lisp

(ert-deftest pen-finetune-test-lisp-form-returns-the-id-of-the-job ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (with-temp-buffer
      (insert "one\ntwo")
      (should (equal (pen-finetune-region 1 8 :n-epochs 2 :suffix "x") "ftjob-1"))
      (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :n-epochs) 2))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     '(:plan "/tmp/plan-1" :n-epochs 2 :suffix "x"))))))

(ert-deftest pen-finetune-test-lisp-form-signals ()
  (with-temp-buffer
    (insert "one\ntwo")
    (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-plan))
      (should-error (pen-finetune-region 1 8) :type 'pen-data-error))
    (pen-rpc-fake-with (pen-dataset-test-answer
                        (pen-dataset-test-good-plan :provider "api.example.com"))
      (should-error (pen-finetune-region 1 8) :type 'pen-refused-error)
      (should (equal (pen-finetune-region 1 8 :confirm t) "ftjob-1")))))

(ert-deftest pen-finetune-test-service-hears-of-a-confirmation-and-of-no-other ()
  (with-temp-buffer
    (insert "one\ntwo")
    (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
      (cl-letf (((symbol-function 'y-or-n-p) (lambda (_) (error "Asked for nothing"))))
        (let ((noninteractive nil))
          (pen-finetune-region 1 8)))
      (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1")))
      (pen-finetune-region 1 8 :confirm t)
      (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1" :confirmed t))))))

(ert-deftest pen-finetune-test-a-subtree-with-its-properties ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (with-temp-buffer
      (insert "* A\n:PROPERTIES:\n:PEN_PROMPT: joke-token\n:PEN_WEIGHTS: 0.2 0.8\n:PEN_SPLIT: 0.3\n:END:\n** B\n- one\n- two\n* C\n- three\n")
      (org-mode)
      (goto-char (point-min))
      (should-error (with-temp-buffer (pen-finetune-subtree)) :type 'user-error)
      (search-forward "one")
      (should (equal (pen-finetune-subtree :model "pen-small") "ftjob-1"))
      (should (equal (pen-rpc-fake-last "datasets-plan")
                     (list :text "** B\n- one\n- two\n" :source (buffer-name) :reader "org"
                           :prompt "joke-token" :loss-weights '(0.2 0.8) :valid-share 0.3
                           :model "pen-small")))
      (goto-char (point-min))
      (insert "before\n")
      (goto-char (point-min))
      (should-error (pen-finetune-subtree) :type 'user-error))))

(ert-deftest pen-finetune-test-no-question-where-it-is-switched-off ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan :provider "api.example.com"))
    (with-temp-buffer
      (insert "one\ntwo")
      (let ((pen-confirm-upload nil))
        (should (equal (pen-finetune-region 1 8) "ftjob-1")))
      (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1" :confirmed t))))))

(defvar pen-libre-only)

(ert-deftest pen-finetune-test-libre-only-goes-before-every-consent ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan :provider "api.example.com"))
    (with-temp-buffer
      (insert "one\ntwo")
      (let ((pen-libre-only t) (pen-confirm-upload nil))
        (should-error (pen-finetune-region 1 8 :confirm t) :type 'pen-refused-error))
      (should (eq (pen-rpc-fake-last "jobs-launch") 'none)))))

(ert-deftest pen-finetune-test-what-the-provider-refuses-is-said-and-the-preview-stays ()
  (let ((said nil))
    (pen-dataset-test-with (cons (list "jobs-launch" 'error 'refused "The budget is spent."
                                       :hint "Raise it.")
                                 (pen-dataset-test-answer (pen-dataset-test-good-plan)))
      (cl-letf (((symbol-function 'message) (lambda (format &rest args)
                                              (setq said (apply #'format format args)))))
        (pen-fixture-press "C-c C-c")
        (pen-rpc-fake-settle))
      (should (equal said "The budget is spent. Raise it."))
      (should (buffer-live-p (current-buffer)))
      (should pen-dataset--plan))))

(ert-deftest pen-finetune-test-every-option-of-a-job-is-a-keyword ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (with-temp-buffer
      (insert "one\ntwo")
      (pen-finetune-region 1 8 :schedule 'linear :packing 'window :max-tokens 64 :early-stopping 3
                           :classification 'auto :betas '(0.5 1) :prompt-loss-weight 0.1)
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     '(:plan "/tmp/plan-1" :prompt-loss-weight 0.1 :max-tokens 64 :schedule linear
                             :packing window :early-stopping 3 :classification auto
                             :betas (0.5 1))))
      (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :prompt-loss-weight) 0.1)))))

(provide 'pen-finetune-test)
;;; pen-finetune-test.el ends here
