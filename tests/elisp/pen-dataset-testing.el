;;; pen-dataset-testing.el --- A plan and its preview, for tests of what shows them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-finetune)

(defun pen-dataset-test-plan (&rest fields)
  "Return a plan; FIELDS come before its own."
  (append fields
          (list :id "plan-1" :prompt "pun-complete" :model "pen-tiny" :directory "/tmp/plan-1"
                :train-path "/tmp/plan-1/train.jsonl" :valid-path "/tmp/plan-1/valid.jsonl"
                :records 3 :train 2 :valid 1 :provider "local" :cost 0.0 :seconds 240.0 :bytes 2048
                :summary "puns 3-4    3 records (train 2, valid 1)"
                :table "      ntokens   nwords    nchars\nmean        3        1         5\n"
                :costs "          cost/epoch  4 epochs\npen-tiny        0.00      0.00\n"
                :findings '((:level error :message "Weights do not fit." :where "puns:2" :hint "Give one each.")
                            (:level warning :message "1 duplicate" :where nil :hint nil))
                :rows '((:side train :where "puns:1"
                               :segments ((:text "one\ntwo\n" :weight 0.3 :tokens 4)
                                          (:text "three\n" :weight 0.7 :tokens 2))
                               :members ((:key "aa" :where "puns:1" :parts ((:name "joke" :text "one")))
                                         (:key "ab" :where "puns:2" :parts ((:name "joke" :text "two")))
                                         (:key "ac" :where "puns:3" :parts ((:name "joke" :text "three")))))
                        (:side valid :where "puns:2"
                               :segments ((:text "<joke>" :weight 0 :tokens 1)
                                          (:text "four" :weight 1 :tokens 2))
                               :members ((:key "b" :where "puns:2"
                                               :parts ((:name "question" :text "<joke>")
                                                       (:name "answer" :text "four")))))))))

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

(defun pen-dataset-test-face-of (text)
  "Return the face of TEXT in this buffer."
  (goto-char (point-min))
  (search-forward text)
  (get-text-property (match-beginning 0) 'face))

(provide 'pen-dataset-testing)
;;; pen-dataset-testing.el ends here
