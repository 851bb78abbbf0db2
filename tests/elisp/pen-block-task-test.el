;;; pen-block-task-test.el --- What the actions of a block ask for -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'ob-pen)
(require 'pen)

(defvar pen-block-task-test-directory nil "Where the plan's files are.")

(defun pen-block-task-test-plan (&rest fields)
  "Return a plan with FIELDS."
  (append fields
          (list :id "plan-1" :prompt "tidy" :model "pen-tiny" :records 3 :train 2 :valid 1
                :train-path (expand-file-name "train.jsonl" pen-block-task-test-directory)
                :valid-path (expand-file-name "valid.jsonl" pen-block-task-test-directory)
                :summary "3 records" :table "mean 1\nsum 3" :provider "local" :cost 0.0)))

(defconst pen-block-task-test-job
  '(:id "ftjob-1" :status "succeeded" :fine-tuned-model "ft:puns" :model "pen-tiny"
        :curve ((:step 1 :train-loss 3.0) (:step 2 :train-loss 2.0 :valid-loss 2.5)))
  "A job that has ended.")

(defun pen-block-task-test-table ()
  "Return what the service answers."
  (list (list "prompts-list" 'value pen-fixture-definitions)
        (list "datasets-plan" 'events (list 'done :value (pen-block-task-test-plan)))
        (list "jobs-launch" 'value pen-block-task-test-job)
        (list "jobs-watch" 'events (list 'done :value pen-block-task-test-job))
        (list "jobs-show" 'value pen-block-task-test-job)
        (list "models-show" 'value '(:id "ft:puns" :base "pen-tiny"))
        (list "completions-start" 'events (pen-fixture-done "a | pun"))))

(defmacro pen-block-task-test-with (header body &rest forms)
  "Run a block with HEADER and BODY and then FORMS; `result' is what it returned.
Files are in a directory of its own."
  (declare (indent 2) (debug t))
  `(let ((pen-block-task-test-directory (file-name-as-directory (make-temp-file "pen-task-" t)))
         (inhibit-message t))
     (unwind-protect
         (let ((default-directory pen-block-task-test-directory))
           (dolist (name '("train.jsonl" "valid.jsonl"))
             (write-region name nil name nil 'silent))
           (pen-rpc-fake-with (pen-block-task-test-table)
             (with-temp-buffer
               (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil))
                 (delay-mode-hooks (org-mode)))
               (insert "#+begin_src pen " ,header "\n" ,body "\n#+end_src\n")
               (goto-char (point-min))
               (let* ((org-confirm-babel-evaluate nil)
                      (result (org-babel-execute-src-block)))
                 (ignore result)
                 ,@forms))))
       (delete-directory pen-block-task-test-directory t))))

(defun pen-block-task-test-read (name)
  "Return the text of the file NAME."
  (with-temp-buffer (insert-file-contents name) (buffer-string)))

(ert-deftest pen-block-task-test-a-data-set-goes-to-its-file-and-a-rerun-replaces-that ()
  (pen-block-task-test-with ":action dataset :prompt tidy :file out_train.jsonl :loss-weights \"0 1\""
      "one\ntwo"
    (should (equal result "[[file:out_train.jsonl]]"))
    (org-babel-execute-src-block)
    (should (equal (pen-block-task-test-read "out_train.jsonl") "train.jsonl"))
    (should (equal (pen-block-task-test-read "out_valid.jsonl") "valid.jsonl"))
    (should (equal (pen-rpc-fake-last "datasets-plan")
                   (list :text "one\ntwo" :source (buffer-name) :reader "auto"
                         :prompt "tidy" :loss-weights '(0 1))))))

(ert-deftest pen-block-task-test-places-are-lines-of-the-file-wherever-point-is ()
  (pen-block-task-test-with ":action dataset :prompt tidy" "one\ntwo"
    (dolist (place '("begin_src" "two" "end_src"))
      (let (line)
        (goto-char (point-min))
        (search-forward place)
        (cl-letf* ((made (symbol-function 'pen-block-source))
                   ((symbol-function 'pen-block-source)
                    (lambda (name body at) (setq line at) (funcall made name body at))))
          (org-babel-execute-src-block))
        (should (equal 2 line))))))

(ert-deftest pen-block-task-test-records-come-from-one-place ()
  (let ((err (should-error (pen-block-task-test-with ":action dataset :dataset tidy" "one") :type 'user-error)))
    (should (string-match-p "; remove one" (cadr err))))
  (pen-block-task-test-with ":action dataset" "one"
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

(ert-deftest pen-block-task-test-a-data-set-without-a-file-is-a-report ()
  (pen-block-task-test-with ":action dataset :dataset tidy" ""
    (should (equal result ": 3 records\n: mean 1\n: sum 3"))
    (should (equal (pen-rpc-fake-last "datasets-plan") '(:prompt "tidy"))))
  (pen-block-task-test-with ":action dataset :dataset tidy :results table" ""
    (should (equal (car (last result)) '(3 2 1 "pen-tiny" 0.0)))))

(ert-deftest pen-block-task-test-a-fine-tune-gives-its-id-at-once ()
  (pen-block-task-test-with ":action finetune :n-epochs 2 :model pen-tiny :schedule linear" "one"
    (should (equal result "ftjob-1"))
    (should (equal (pen-rpc-fake-last "jobs-launch")
                   '(:plan "plan-1" :model "pen-tiny" :n-epochs 2 :schedule linear)))
    (should (eq 'none (pen-rpc-fake-last "jobs-watch")))))

(ert-deftest pen-block-task-test-with-wait-it-gives-the-curve-as-a-table-or-a-picture ()
  (pen-block-task-test-with ":action finetune :wait" "one"
    (should (equal result '(("step" "train" "valid") hline (1 "3.000" "") (2 "2.000" "2.500")
                            hline ("model" "ft:puns" "")))))
  (pen-block-task-test-with ":action finetune :wait yes :file loss.svg" "one"
    (should (equal result "[[file:loss.svg]]"))
    (should (string-match-p "\\`<svg[^\0]*#3465a4[^\0]*#cc6600" (pen-block-task-test-read "loss.svg")))))

(ert-deftest pen-block-task-test-a-training-set-s-directory-is-launched-as-it-is ()
  (pen-block-task-test-with (concat ":action finetune :dataset " temporary-file-directory) ""
    (should (equal (pen-rpc-fake-last "jobs-launch")
                   (list :plan (directory-file-name temporary-file-directory))))
    (should (eq 'none (pen-rpc-fake-last "datasets-plan")))))

(ert-deftest pen-block-task-test-a-failed-job-and-a-refused-upload-are-errors ()
  (cl-letf (((symbol-value 'pen-block-task-test-job)
             '(:id "ftjob-1" :status "failed" :error "Loss is NaN.")))
    (let ((err (should-error (pen-block-task-test-with ":action finetune :wait" "one")
                             :type 'pen-job-error)))
      (should (equal (cadr err) "Job ftjob-1 failed: Loss is NaN."))))
  (cl-letf* ((plan (symbol-function 'pen-block-task-test-plan))
             ((symbol-function 'pen-block-task-test-plan)
              (lambda (&rest _) (funcall plan :provider "api.example.com" :bytes 10))))
    (should-error (pen-block-task-test-with ":action finetune" "one") :type 'pen-refused-error)
    (let ((pen-block-confirmed t))
      (pen-block-task-test-with ":action finetune" "one"
        (should (equal (pen-rpc-fake-last "jobs-launch") '(:plan "plan-1" :confirmed t)))))))

(ert-deftest pen-block-task-test-both-models-get-the-same-prompt-and-seeds ()
  (pen-block-task-test-with ":action compare :prompt old :models \"base ftjob-1\" :n 2 :seed 7" "hello"
    (should (equal result '(("seed" "pen-tiny" "ft:puns") hline
                            (7 "a \\vert{} pun" "a \\vert{} pun")
                            (8 "a \\vert{} pun" "a \\vert{} pun"))))
    (should (equal (mapcar (lambda (call) (list (plist-get (cdr call) :model)
                                                (plist-get (cdr call) :seed)))
                           (reverse (seq-filter (lambda (call) (equal (car call) "completions-start"))
                                                pen-rpc-fake-calls)))
                   '(("pen-tiny" 7) ("ft:puns" 7) ("pen-tiny" 8) ("ft:puns" 8))))))

(ert-deftest pen-block-task-test-base-is-what-the-other-model-was-made-from ()
  (pen-block-task-test-with ":action compare :prompt old :models \"ft:puns base\"" "hello"
    (should (equal (car result) '("seed" "ft:puns" "pen-tiny")))))

;;;; The mode line

(defmacro pen-block-task-test-mode-line (header table &rest forms)
  "Run a block with HEADER in the background, and FORMS while it runs.
TABLE answers before the usual table does."
  (declare (indent 2) (debug t))
  `(let ((inhibit-message t) (pen-mode-line t) (org-confirm-babel-evaluate nil)
         pen-answer-activity pen-answer-activity--running pen-job-activity pen-job-activity--running
         pen-block--running)
     (pen-rpc-fake-with (append ,table (pen-block-task-test-table))
       (with-temp-buffer
         (let ((org-inhibit-startup t))
           (delay-mode-hooks (org-mode)))
         (insert "#+begin_src pen " ,header "\nhello\n#+end_src\n")
         (goto-char (point-min))
         (let ((noninteractive nil))
           (org-babel-execute-src-block))
         ,@forms
         (pen-abort)
         (should (equal " Pen" (substring-no-properties (pen--mode-line))))))))

(defun pen-block-task-test-said (text)
  "Wait until the mode line says TEXT."
  (should (pen-fixture-until (lambda () (equal text (substring-no-properties (pen--mode-line)))))))

(ert-deftest pen-block-task-test-the-mode-line-counts-the-candidates-of-a-block ()
  (pen-block-task-test-mode-line ":prompt old :n 5"
      '(("completions-start" events (delta :index 1 :text "a")))
    (should (equal " Pen:…" (pen--mode-line)))
    (pen-block-task-test-said " Pen:1/5")
    (pen-rpc-fake-event "fake-1" 'delta :index 1 :text "b")
    (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "b")
    (should (equal " Pen:2/5" (pen--mode-line)))
    (apply #'pen-rpc-fake-event "fake-1" (pen-fixture-done "a pun"))
    (should (equal " Pen" (pen--mode-line)))))

(ert-deftest pen-block-task-test-the-mode-line-counts-the-texts-of-a-comparison ()
  (pen-block-task-test-mode-line ":action compare :prompt old :models \"base ft:puns\" :n 2"
      '(("completions-start" hang))
    (pen-block-task-test-said " Pen:0/4")))

(ert-deftest pen-block-task-test-the-mode-line-has-the-job-that-a-block-waits-for ()
  (pen-block-task-test-mode-line ":action finetune :wait yes"
      '(("jobs-watch" events (progress :step 3 :steps 9 :loss 2.0)))
    (should (equal " Pen:…" (pen--mode-line)))
    (pen-block-task-test-said " Pen[1 3/9]")))

(ert-deftest pen-block-task-test-the-mode-line-forgets-what-failed ()
  (pen-block-task-test-mode-line ":prompt old"
      '(("completions-start" error upstream "The engine is gone."))
    (pen-fixture-until (lambda () (null pen-block--running)))
    (should (equal " Pen" (pen--mode-line)))))

(provide 'pen-block-task-test)
;;; pen-block-task-test.el ends here
