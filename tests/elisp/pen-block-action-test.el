;;; pen-block-action-test.el --- What the actions of a block ask for -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-block-scene)

(ert-deftest pen-block-action-test-a-data-set-goes-to-its-file-and-a-rerun-replaces-that ()
  (pen-block-scene ":action dataset :prompt tidy :file out_train.jsonl :loss-weights \"0 1\""
      "one\ntwo"
    (should (equal result "[[file:out_train.jsonl]]"))
    (org-babel-execute-src-block)
    (should (equal (pen-fixture-read "out_train.jsonl") "train.jsonl"))
    (should (equal (pen-fixture-read "out_valid.jsonl") "valid.jsonl"))
    (should (equal (pen-rpc-fake-last "datasets-plan")
                   (list :text "one\ntwo" :source (buffer-name) :reader "auto"
                         :prompt "tidy" :loss-weights '(0 1))))))

(ert-deftest pen-block-action-test-places-are-lines-of-the-file-wherever-point-is ()
  (pen-block-scene ":action dataset :prompt tidy" "one\ntwo"
    (dolist (place '("begin_src" "two" "end_src"))
      (let (line)
        (goto-char (point-min))
        (search-forward place)
        (cl-letf* ((made (symbol-function 'pen-block-source))
                   ((symbol-function 'pen-block-source)
                    (lambda (name body at) (setq line at) (funcall made name body at))))
          (org-babel-execute-src-block))
        (should (equal 2 line))))))

(ert-deftest pen-block-action-test-records-come-from-one-place ()
  (let ((err (should-error (pen-block-scene ":action dataset :dataset tidy" "one") :type 'user-error)))
    (should (string-match-p "; remove one" (cadr err))))
  (pen-block-scene ":action dataset" "one"
    (goto-char (point-min))
    (insert "#+PROPERTY: PEN_DATASET tidy\n")
    (org-set-regexps-and-options)
    (re-search-forward "begin_src")
    (org-babel-execute-src-block)
    (should (equal "one" (plist-get (pen-rpc-fake-last "datasets-plan") :text)))
    (re-search-forward "one")
    (replace-match "")
    (org-babel-execute-src-block)
    (should (equal (pen-rpc-fake-last "datasets-plan") '(:prompt "tidy")))))

(ert-deftest pen-block-action-test-a-data-set-without-a-file-is-a-report ()
  (pen-block-scene ":action dataset :dataset tidy" ""
    (should (equal result ": 3 records\n: mean 1\n: sum 3"))
    (should (equal (pen-rpc-fake-last "datasets-plan") '(:prompt "tidy"))))
  (pen-block-scene ":action dataset :dataset tidy :results table" ""
    (should (equal (car (last result)) '(3 2 1 "pen-tiny" 0.0)))))

(ert-deftest pen-block-action-test-a-fine-tune-gives-its-id-at-once ()
  (pen-block-scene ":action finetune :n-epochs 2 :model pen-tiny :schedule linear" "one"
    (should (equal result "ftjob-1"))
    (should (equal (pen-rpc-fake-last "jobs-launch")
                   '(:plan "/tmp/plan-1" :model "pen-tiny" :n-epochs 2 :schedule linear)))
    (should (eq 'none (pen-rpc-fake-last "jobs-watch")))))

(ert-deftest pen-block-action-test-with-wait-it-gives-the-curve-as-a-table-or-a-picture ()
  (pen-block-scene ":action finetune :wait" "one"
    (should (equal result '(("step" "train" "valid") hline (1 "3.000" "") (2 "2.000" "2.500")
                            hline ("model" "ft:puns" "")))))
  (pen-block-scene ":action finetune :wait yes :file loss.svg" "one"
    (should (equal result "[[file:loss.svg]]"))
    (should (string-match-p "\\`<svg[^\0]*#3465a4[^\0]*#cc6600" (pen-fixture-read "loss.svg")))))

(ert-deftest pen-block-action-test-a-training-set-s-directory-is-launched-as-it-is ()
  (pen-block-scene (concat ":action finetune :dataset " temporary-file-directory) ""
    (should (equal (pen-rpc-fake-last "jobs-launch")
                   (list :plan (directory-file-name temporary-file-directory))))
    (should (eq 'none (pen-rpc-fake-last "datasets-plan")))))

(ert-deftest pen-block-action-test-a-failed-job-and-a-refused-upload-are-errors ()
  (cl-letf (((symbol-value 'pen-block-scene-job)
             '(:id "ftjob-1" :status "failed" :error "Loss is NaN.")))
    (let ((err (should-error (pen-block-scene ":action finetune :wait" "one")
                             :type 'pen-job-error)))
      (should (equal (cadr err) "Job ftjob-1 failed: Loss is NaN."))))
  (cl-letf* ((plan (symbol-function 'pen-block-scene-plan))
             ((symbol-function 'pen-block-scene-plan)
              (lambda (&rest _) (funcall plan :provider "api.example.com" :bytes 10))))
    (should-error (pen-block-scene ":action finetune" "one") :type 'pen-refused-error)
    (let ((pen-block-confirmed t))
      (pen-block-scene ":action finetune" "one"
        (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "/tmp/plan-1" :confirmed t)))))))

(ert-deftest pen-block-action-test-both-models-get-the-same-prompt-and-seeds ()
  (pen-block-scene ":action compare :prompt old :models \"base ftjob-1\" :n 2 :seed 7" "hello"
    (should (equal result '(("seed" "pen-tiny" "ft:puns") hline
                            (7 "a \\vert{} pun" "a \\vert{} pun")
                            (8 "a \\vert{} pun" "a \\vert{} pun"))))
    (should (equal (mapcar (lambda (call) (list (plist-get (cdr call) :model)
                                                (plist-get (cdr call) :seed)))
                           (reverse (seq-filter (lambda (call) (equal (car call) "completions-start"))
                                                pen-rpc-fake-calls)))
                   '(("pen-tiny" 7) ("ft:puns" 7) ("pen-tiny" 8) ("ft:puns" 8))))))

(ert-deftest pen-block-action-test-base-is-what-the-other-model-was-made-from ()
  (pen-block-scene ":action compare :prompt old :models \"ft:puns base\"" "hello"
    (should (equal (car result) '("seed" "ft:puns" "pen-tiny")))))

(ert-deftest pen-block-action-test-a-megabyte-goes-below-a-block-and-more-is-kept-elsewhere ()
  (let ((most (make-string pen-block-action-most ?a)) files)
    (pcase-dolist (`(,header . ,fits) '((":prompt old :results raw" . t) (":prompt old" . nil)
                                        (":action compare :prompt old :models \"a b\"" . nil)))
      (cl-letf (((symbol-function 'pen-block-scene-table)
                 (lambda ()
                   (list (list "prompts-list" 'value pen-fixture-definitions)
                         (list "completions-start" 'events
                               (pen-fixture-done (if fits most (concat most "é"))))))))
        (if fits
            (pen-block-scene header "hello"
              (should (equal result most)))
          (let ((said (cadr (should-error (pen-block-scene header "hello")))))
            (should (string-match "wrote \\([0-9,]+\\) characters, and 1,000,000 at most go below a block; \
they are in \\([^ ,]+\\)," said))
            (should (member (match-string 1 said) '("1,000,001" "2,000,002")))
            (push (match-string 2 said) files)
            (should (string-prefix-p (concat most "é\n") (pen-fixture-read (car files))))))))
    (mapc #'delete-file files)))

(provide 'pen-block-action-test)
;;; pen-block-action-test.el ends here
