;;; pen-block-task-test.el --- The mode line tells how far a block is -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-block-scene)
(require 'pen)

(defmacro pen-block-task-test-mode-line (header table &rest forms)
  "Run a block with HEADER in the background, and FORMS while it runs.
TABLE answers before the usual table does."
  (declare (indent 2) (debug t))
  `(let ((inhibit-message t) (pen-mode-line t) (org-confirm-babel-evaluate nil)
         pen-answer-activity pen-answer-activity--running pen-job-activity pen-job-activity--running
         pen-block--running)
     (pen-rpc-fake-with (append ,table (pen-block-scene-table))
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

(ert-deftest pen-block-task-test-a-job-that-goes-on-without-its-block-is-named ()
  (pen-block-task-test-mode-line ":action finetune :wait yes"
      '(("jobs-watch" events (progress :step 3 :steps 9 :loss 2.0)))
    (pen-block-task-test-said " Pen[1 3/9]")
    (pen-abort)
    (should (string-match-p "^pen: stopped; job ftjob-1 goes on, M-x pen-jobs shows it$" (buffer-string))))
  (pen-block-task-test-mode-line ":action finetune :wait yes"
      '(("jobs-watch" error connection-lost "The service ended."))
    (pen-fixture-until (lambda () (null pen-block--running)))
    (should (string-match-p "^pen: The service ended\\. Job ftjob-1 goes on, M-x pen-jobs shows it\\.$"
                            (buffer-string))))
  (pen-block-task-test-mode-line ":action finetune :wait yes"
      '(("jobs-watch" events (done :value (:id "ftjob-1" :status "failed" :error "Loss is NaN."))))
    (pen-fixture-until (lambda () (null pen-block--running)))
    (should-not (string-match-p "goes on" (buffer-string)))))

(ert-deftest pen-block-task-test-a-job-launched-while-its-block-was-stopped-is-told ()
  (ignore-errors (kill-buffer "*pen-log*"))
  (pen-block-task-test-mode-line ":action finetune"
      (list (list "jobs-launch" (lambda (_) (pen-abort t) '(:id "ftjob-7"))))
    (pen-fixture-until (lambda () (get-buffer "*pen-log*")))
    (should (string-match-p "Job ftjob-7 was launched all the same; M-x pen-jobs shows it"
                            (with-current-buffer "*pen-log*" (buffer-string))))))

(ert-deftest pen-block-task-test-the-mode-line-forgets-what-failed ()
  (pen-block-task-test-mode-line ":prompt old"
      '(("completions-start" error upstream "The engine is gone."))
    (pen-fixture-until (lambda () (null pen-block--running)))
    (should (equal " Pen" (pen--mode-line)))))

(provide 'pen-block-task-test)
;;; pen-block-task-test.el ends here
