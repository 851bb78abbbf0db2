;;; pen-batch-test.el --- Arguments and exit codes of scripts -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-fake)
(require 'pen-batch)

(defun pen-batch-test--code (condition)
  "Return the exit code when CONDITION is signalled."
  (cl-letf (((symbol-function 'pen-batch--say) #'ignore))
    (pen-batch--run (lambda () (signal (car condition) (cdr condition))))))

(ert-deftest pen-batch-test-every-kind-of-error-has-its-exit-code ()
  (pcase-dolist (`(,kind . ,code)
                 '((bad-params . 1) (not-found . 1) (config . 1)
                   (prompt . 2) (data . 2) (too-large . 2)
                   (auth . 3) (upstream . 3) (busy . 3) (version . 3) (internal . 3)
                   (connection-lost . 3) (start . 3)
                   (job . 4) (cancelled . 4) (refused . 5) (deadline . 124)))
    (should (equal (cons kind (pen-batch-test--code
                               (pen-rpc-error (list :kind kind :message "No."))))
                   (cons kind code)))))

(ert-deftest pen-batch-test-other-conditions-have-exit-codes-too ()
  (should (= 0 (pen-batch--run #'ignore)))
  (should (= 1 (pen-batch-test--code '(user-error "No"))))
  (should (= 3 (pen-batch-test--code '(void-variable x))))
  (should (= 2 (pen-batch-test--code '(wrong-type-argument pen-rpc-value-p "raw \377"))))
  (should (= 3 (pen-batch-test--code '(wrong-type-argument pen-rpc-value-p (1 . 2))))))

(ert-deftest pen-batch-test-error-is-one-line-with-its-place-and-advice ()
  (should (equal (pen-batch-sentence
                  (pen-rpc-error '(:kind data :message "The weights\n do not fit."
                                         :where "train.jsonl:17" :hint "Give one each.")))
                 "train.jsonl:17: The weights do not fit. Give one each.")))

(ert-deftest pen-batch-test-only-options-of-a-launch-are-sent-with-it ()
  (should (equal (pen-finetune-request "p" '(:wait t :prompt "x" :n-epochs 2 :model nil) nil)
                 '(:plan "p" :n-epochs 2))))

(ert-deftest pen-batch-test-only-yes-lets-a-training-set-leave-this-machine ()
  (let ((directory (directory-file-name (file-name-as-directory temporary-file-directory))))
    (pen-rpc-fake-with
        (list (list "jobs-launch"
                    (lambda (plist)
                      (if (eq (plist-get plist :confirmed) t)
                          '(:id "ftjob-1")
                        (signal 'pen-refused-error (list "Not sent." '(:kind refused)))))))
      (should (= 5 (cl-letf (((symbol-function 'pen-batch--say) #'ignore))
                     (pen-batch--run
                      (lambda () (pen-batch--launch directory '(:n-epochs 2)))))))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     (list :plan directory :n-epochs 2)))
      (should (equal (pen-batch--launch directory '(:yes t)) '(:id "ftjob-1")))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     (list :plan directory :confirmed t))))))

(ert-deftest pen-batch-test-what-counts-in-a-build-is-refused-for-a-set-that-is-there ()
  (pen-rpc-fake-with '(("jobs-launch" value (:id "ftjob-1")))
    (let ((err (should-error (pen-batch--launch temporary-file-directory '(:n-epochs 2 :loss-weights (0 1)))
                             :type 'user-error)))
      (should (string-prefix-p "--loss-weights " (cadr err))))
    (should (pen-batch--launch temporary-file-directory '(:n-epochs 2 :seed 1 :model "m")))))

(ert-deftest pen-batch-test-what-the-service-tells-goes-to-stderr ()
  (let (said)
    (pen-rpc-fake-with
        '(("prompts-list" value ((:slug "greet" :arity 0 :n 1)))
          ("completions-start" events (log :what text :text "starting engine…")
           (done :value (:model "m" :candidates ((:text "one") (:text "two\n three"))))))
      (cl-letf (((symbol-function 'pen-batch--say)
                 (lambda (&rest arguments) (push (apply #'format arguments) said)))
                ((symbol-function 'kill-emacs) #'identity)
                (command-line-args-left '("--" "greet")))
        (let ((out (with-output-to-string (should (= 0 (pen-batch-complete))))))
          (should (equal out "one\ntwo three\n")))
        (should (equal said '("starting engine…")))))))

(ert-deftest pen-batch-test-an-interrupt-names-the-job-of-an-org-block-too ()
  (let (pen-job-activity pen-job-activity--running said code)
    (pen-job-activity-note "ftjob-9" '(:step 1) 'block)
    (cl-letf (((symbol-function 'pen-batch--say)
               (lambda (&rest arguments) (setq said (apply #'format arguments))))
              ((symbol-function 'kill-emacs) (lambda (number) (setq code number))))
      (let ((pen-batch--running t))
        (pen-batch--interrupt)
        (pen-batch--interrupt)))        ; a second time it is the end of Emacs itself
    (should (equal code 130))
    (should (string-prefix-p "Interrupted.  Job ftjob-9 goes on." said))))

(ert-deftest pen-batch-test-a-job-that-pauses-says-how-it-goes-on ()
  (let ((pen-batch--job "ftjob-1") said)
    (cl-letf (((symbol-function 'pen-batch--say)
               (lambda (&rest arguments) (push (apply #'format arguments) said))))
      (pen-batch--event 'log '(:what checkpoint :text "Checkpoint at step 3"))
      (pen-batch--event 'log '(:what text :text "The job was paused." :data (("state" "paused"))))
      (should (equal (reverse said)
                     '("Checkpoint at step 3" "The job was paused."
                       "It waits until you resume it: pen jobs resume ftjob-1"))))))

(ert-deftest pen-batch-test-the-deadline-is-that-of-the-whole-script ()
  (dolist (table '((("prompts-list" hang))
                   (("prompts-list" value ((:slug "greet" :arity 0 :n 1))) ("completions-start" hang))))
    (pen-rpc-fake-with table
      (cl-letf (((symbol-function 'pen-batch--say) #'ignore)
                ((symbol-function 'kill-emacs) #'identity)
                (command-line-args-left '("--" "greet" "--deadline" "0.05")))
        (should (= 124 (pen-batch-complete)))))))

(ert-deftest pen-batch-test-a-code-can-be-thrown-after-everything-was-said ()
  (should (= 2 (pen-batch--run (lambda () (throw 'pen-batch-code 2))))))

(provide 'pen-batch-test)
;;; pen-batch-test.el ends here
