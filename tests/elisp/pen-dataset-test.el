;;; pen-dataset-test.el --- The preview of a training set -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-fake)
(require 'pen-finetune)

(defun pen-dataset-test-plan (&rest fields)
  "Return a plan; FIELDS come before its own."
  (append fields
          (list :id "plan-1" :prompt "pun-complete" :model "pen-tiny" :directory "/tmp/plan-1"
                :train-path "/tmp/plan-1/train.jsonl" :valid-path "/tmp/plan-1/valid.jsonl"
                :records 3 :train 2 :valid 1 :provider "local" :cost 0.0 :seconds 240.0
                :summary "puns 3-4    3 records (train 2, valid 1)"
                :table "      ntokens   nwords    nchars\nmean        3        1         5\n"
                :findings '((:level error :message "Weights do not fit." :where "puns:2" :hint "Give one each.")
                            (:level warning :message "1 duplicate" :where nil :hint nil))
                :rows '((:side train :where "puns:1"
                               :segments ((:text "one\ntwo\n" :weight 0.3 :tokens 4)
                                          (:text "three\n" :weight 0.7 :tokens 2)))
                        (:side valid :where "puns:2"
                               :segments ((:text "<joke>" :weight 0 :tokens 1)
                                          (:text "four" :weight 1 :tokens 2)))))))

(defun pen-dataset-test-good-plan (&rest fields)
  "Return a plan without findings; FIELDS come before its own."
  (apply #'pen-dataset-test-plan :findings nil fields))

(defmacro pen-dataset-test-with (table &rest body)
  "Run BODY in the preview of a region, the service answering from TABLE."
  (declare (indent 1))
  `(pen-rpc-fake-with ,table
     (save-window-excursion
       (let ((source (generate-new-buffer "puns")))
         (unwind-protect
             (with-current-buffer source
               (rename-buffer "puns")
               (insert "zero\n\none\ntwo\n")
               (pen-dataset-test--preview)
               (with-current-buffer "*pen-dataset*"
                 (pen-rpc-fake-settle)
                 ,@body))
           (kill-buffer source)
           (when (get-buffer "*pen-dataset*")
             (kill-buffer "*pen-dataset*")))))))

(defun pen-dataset-test--preview ()
  "Call `pen-finetune-region' on the last two lines as a person does."
  (let ((transient-mark-mode t))
    (push-mark 7 t t)
    (goto-char (point-max))
    (call-interactively #'pen-finetune-region)))

(defun pen-dataset-test-answer (plan)
  "Return a table whose training set is PLAN."
  (list (list "datasets-plan" 'events (list 'done :reason 'finished :value plan))
        (list "jobs-launch" 'value '(:id "ftjob-1" :status "queued"))
        (list "jobs-show" 'hang) (list "jobs-watch" 'hang)))

(defun pen-dataset-test-text ()
  "Return the text of this buffer."
  (buffer-substring-no-properties (point-min) (point-max)))

(defun pen-dataset-test-face-of (text)
  "Return the face of TEXT in this buffer."
  (goto-char (point-min))
  (search-forward text)
  (get-text-property (match-beginning 0) 'face))

(defun pen-dataset-test-press (keys)
  "Do what KEYS do in this buffer."
  (let ((command (key-binding (kbd keys))))
    (should (commandp command))
    (call-interactively command)))

;;;; The request

(ert-deftest pen-dataset-test-asks-with-the-region ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (equal (pen-rpc-fake-last "datasets-plan")
                   '(:text "one\ntwo\n" :source "puns" :reader "auto" :prompt "pun-complete")))))

(ert-deftest pen-dataset-test-opens-at-once-and-does-not-wait ()
  (pen-rpc-fake-with '(("datasets-plan" hang))
    (save-window-excursion
      (with-temp-buffer
        (insert "one")
        (let ((before (float-time)))
          (pen-finetune-region 1 4 :show 'preview)
          (should (< (- (float-time) before) 0.1))
          (should (equal (buffer-name) "*pen-dataset*"))
          (should (equal (pen-dataset-test-text) "Building the training set…\n"))
          (kill-buffer))))))

(ert-deftest pen-dataset-test-no-region-is-said ()
  (with-temp-buffer
    (insert "one")
    (should-error (call-interactively #'pen-finetune-region) :type 'user-error)))

(ert-deftest pen-dataset-test-progress-is-shown ()
  (pen-dataset-test-with '(("datasets-plan" events (progress :done 40 :total 128 :unit "texts compared")))
    (should (equal (pen-dataset-test-text)
                   "Building the training set… 40 of 128 texts compared\n"))))

(ert-deftest pen-dataset-test-error-is-one-sentence-and-what-to-do ()
  (pen-dataset-test-with '(("datasets-plan" events
                            (error :kind data :message "The region holds one joke."
                                   :hint "Mark two or more.")))
    (should (string-prefix-p "The region holds one joke. Mark two or more.\n"
                             (pen-dataset-test-text)))))

;;;; The screen

(ert-deftest pen-dataset-test-shows-summary-table-and-findings ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p
             (concat "puns 3-4    3 records (train 2, valid 1)\n"
                     "with prompt pun-complete\n\n"
                     "      ntokens   nwords    nchars\n"
                     "mean        3        1         5\n\n"
                     "! Weights do not fit. (puns:4); Give one each.\n"
                     "! 1 duplicate\n\n")
             (pen-dataset-test-text)))
    (should (eq (pen-dataset-test-face-of "! Weights") 'pen-finding-error))
    (should (eq (pen-dataset-test-face-of "! 1 dup") 'pen-finding-warning))))

(ert-deftest pen-dataset-test-rows-show-text-weights-and-place-in-a-line ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-match-p "^1   one↵two↵│three↵ +w 0.3/0.7  puns:3$"
                            (pen-dataset-test-text)))
    (should (string-match-p "^2   valid <joke>│four +w 0/1  puns:4$" (pen-dataset-test-text)))
    (should (string-match-p "^… and 1 more in /tmp/plan-1$" (pen-dataset-test-text)))))

(ert-deftest pen-dataset-test-weights-have-faces ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (eq (pen-dataset-test-face-of "one↵") 'pen-weight-part))
    (should (eq (pen-dataset-test-face-of "three↵") 'pen-weight-full))
    (should (eq (pen-dataset-test-face-of "<joke>") 'pen-weight-none))))

(ert-deftest pen-dataset-test-tab-shows-a-row-whole ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "one↵")
    (pen-dataset-test-press "TAB")
    (should (string-match-p "puns:3\n    one\n    two\n    three\n" (pen-dataset-test-text)))
    (should (looking-at-p "1   one"))
    (pen-dataset-test-press "TAB")
    (should-not (string-match-p "^    two" (pen-dataset-test-text)))))

(ert-deftest pen-dataset-test-n-and-p-walk-the-findings ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (pen-dataset-test-press "n")
    (should (looking-at-p "! Weights"))
    (pen-dataset-test-press "n")
    (should (looking-at-p "! 1 dup"))
    (should-error (pen-dataset-test-press "n") :type 'user-error)
    (pen-dataset-test-press "p")
    (should (looking-at-p "! Weights"))))

(ert-deftest pen-dataset-test-ret-goes-to-the-source ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "valid <joke>")
    (pen-dataset-test-press "RET")
    (should (equal (buffer-name (window-buffer)) "puns"))
    (with-current-buffer "puns"
      (should (= (line-number-at-pos) 4)))))

(ert-deftest pen-dataset-test-an-option-asks-again ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "n-epochs"))
              ((symbol-function 'read-string) (lambda (&rest _) "2")))
      (pen-dataset-test-press "C-c C-o"))
    (pen-rpc-fake-settle)
    (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :n-epochs) 2))
    (should (string-match-p "^with prompt pun-complete, n-epochs 2$" (pen-dataset-test-text)))))

;;;; The launch

(ert-deftest pen-dataset-test-launch-opens-the-job ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (pen-dataset-test-press "C-c C-c")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "plan-1")))
    (should (equal (buffer-name (window-buffer)) "*pen-job ftjob-1*"))
    (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-dataset-test-errors-among-the-findings-forbid-a-launch ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should-error (pen-dataset-test-press "C-c C-c") :type 'user-error)
    (should (eq (pen-rpc-fake-last "jobs-launch") 'none))))

(ert-deftest pen-dataset-test-launch-before-the-plan-is-refused ()
  (pen-dataset-test-with '(("datasets-plan" hang))
    (should-error (pen-dataset-test-press "C-c C-c") :type 'user-error)))

(ert-deftest pen-dataset-test-data-stay-here-unless-confirmed ()
  (pen-dataset-test-with (pen-dataset-test-answer
                          (pen-dataset-test-good-plan :provider "api.example.com"))
    (should-error (pen-dataset-test-press "C-c C-c") :type 'user-error)
    (let ((noninteractive nil) asked)
      (cl-letf (((symbol-function 'y-or-n-p) (lambda (question) (setq asked question))))
        (pen-dataset-test-press "C-c C-c"))
      (should (equal asked "Send 3 records (0) to api.example.com, for about $0.00? ")))
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "plan-1" :confirmed t)))
    (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-dataset-test-prefix-argument-skips-the-preview ()
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

(ert-deftest pen-dataset-test-lisp-form-returns-the-id-of-the-job ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (with-temp-buffer
      (insert "one\ntwo")
      (should (equal (pen-finetune-region 1 8 :n-epochs 2 :suffix "x") "ftjob-1"))
      (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :n-epochs) 2))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     '(:plan "plan-1" :n-epochs 2 :suffix "x"))))))

(ert-deftest pen-dataset-test-lisp-form-signals ()
  (with-temp-buffer
    (insert "one\ntwo")
    (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-plan))
      (should-error (pen-finetune-region 1 8) :type 'pen-data-error))
    (pen-rpc-fake-with (pen-dataset-test-answer
                        (pen-dataset-test-good-plan :provider "api.example.com"))
      (should-error (pen-finetune-region 1 8) :type 'pen-refused-error)
      (should (equal (pen-finetune-region 1 8 :confirm t) "ftjob-1")))))

(ert-deftest pen-dataset-test-service-hears-of-a-confirmation-and-of-no-other ()
  (with-temp-buffer
    (insert "one\ntwo")
    (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
      (cl-letf (((symbol-function 'y-or-n-p) (lambda (_) (error "Asked for nothing"))))
        (let ((noninteractive nil))
          (pen-finetune-region 1 8)))
      (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "plan-1")))
      (pen-finetune-region 1 8 :confirm t)
      (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "plan-1" :confirmed t))))))

(ert-deftest pen-dataset-test-looking-returns-the-plan-and-launches-nothing ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (save-window-excursion
      (with-temp-buffer
        (insert "one\ntwo")
        (should (equal (plist-get (pen-dataset-region 1 8 :seed 3) :id) "plan-1"))
        (pen-dataset-region 1 8 :show t)
        (pen-rpc-fake-settle)
        (should-error (pen-dataset-test-press "C-c C-c") :type 'user-error)
        (kill-buffer)))))

(ert-deftest pen-dataset-test-options-are-typed ()
  (should (equal (pen-dataset-option-value '(:n-epochs integer) "3") 3))
  (should (equal (pen-dataset-option-value '(:learning-rate number) "1e-4") 1e-4))
  (should-not (pen-dataset-option-value '(:model string) " "))
  (should-error (pen-dataset-option-value '(:n-epochs integer) "3.5") :type 'user-error)
  (should-error (pen-dataset-option-value '(:tune (full lora)) "half") :type 'user-error))

(ert-deftest pen-dataset-test-the-way-to-launch-is-seen-wherever-one-scrolls ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p "C-c C-c launch" header-line-format))))

(provide 'pen-dataset-test)
;;; pen-dataset-test.el ends here
