;;; pen-jobs-test.el --- The screens of jobs, on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-fake)
(require 'pen-jobs)

(defconst pen-jobs-test-detail
  '(:id "ftjob-1" :status "running" :model "pen-tiny" :prompt "pun-complete"
        :step 5 :total-steps 100
        :hyperparameters ((:name "n_epochs" :value "2") (:name "batch_size" :value "4")))
  "What the service says of the job when it is first asked.")

(defmacro pen-jobs-test-with (events &rest body)
  "Run BODY in the buffer of a job that EVENTS happen to."
  (declare (indent 1))
  `(pen-rpc-fake-with (list (list "jobs-show" 'value pen-jobs-test-detail)
                            (append (list "jobs-watch" 'events) ,events))
     (let (pen-jobs--running pen-jobs-activity)
       (save-window-excursion
         (let ((buffer (pen-job "ftjob-1")))
           (unwind-protect
               (with-current-buffer buffer
                 (pen-rpc-fake-settle 0.1)
                 ,@body)
             (when (buffer-live-p buffer)
               (kill-buffer buffer))))))))

(defun pen-jobs-test-text ()
  "Return the text of this buffer."
  (buffer-substring-no-properties (point-min) (point-max)))

(defun pen-jobs-test-has (text)
  "Check that this buffer has TEXT."
  (should (string-match-p (regexp-quote text) (pen-jobs-test-text))))

(ert-deftest pen-jobs-test-opens-at-once-and-does-not-wait ()
  (pen-rpc-fake-with '(("jobs-show" hang) ("jobs-watch" hang))
    (save-window-excursion
      (let ((before (float-time))
            (buffer (pen-job "ftjob-1")))
        (should (< (- (float-time) before) 0.1))
        (should (equal (buffer-name buffer) "*pen-job ftjob-1*"))
        (kill-buffer buffer)))))

(ert-deftest pen-jobs-test-shows-what-is-known ()
  (pen-jobs-test-with nil
    (pen-jobs-test-has "Status  running")
    (pen-jobs-test-has "Model   pen-tiny\n")
    (pen-jobs-test-has "n_epochs                   2\nbatch_size                 4\n")
    (pen-jobs-test-has "Step    5/100")))

(ert-deftest pen-jobs-test-follows-progress ()
  (pen-jobs-test-with '((progress :step 50 :steps 100 :loss 2.3456 :valid-loss 2.6
                                  :tokens-per-second 5432.1 :eta 90.0))
    (pen-jobs-test-has "50/100  [###############...............]")
    (pen-jobs-test-has "train 2.346   valid 2.600")
    (pen-jobs-test-has "5432 tokens/s")
    (pen-jobs-test-has "Left    2 min")
    (should (equal pen-jobs-activity "[1 50/100]"))
    (should (equal header-line-format " ftjob-1  running  step 50/100"))))

(ert-deftest pen-jobs-test-a-valid-loss-stays-until-the-next ()
  (pen-jobs-test-with '((progress :step 50 :steps 100 :loss 2.0 :valid-loss 2.6)
                        (progress :step 51 :steps 100 :loss 1.9 :valid-loss nil))
    (pen-jobs-test-has "train 1.900   valid 2.600")))

(ert-deftest pen-jobs-test-loss-that-is-no-number-looks-like-an-error ()
  (pen-jobs-test-with (list (list 'progress :step 50 :steps 100 :loss 0.0e+NaN))
    (pen-jobs-test-has "train NaN")
    (goto-char (point-min))
    (search-forward "NaN")
    (should (eq (get-text-property (1- (point)) 'face) 'error))))

(ert-deftest pen-jobs-test-samples-are-newest-first ()
  (pen-jobs-test-with '((log :what sample :text "old" :data (("step" 10) ("prompt" "a\nb\n")))
                        (log :what sample :text "new\nmore" :data (("step" 20) ("prompt" "a\nb\n"))))
    (should (string-match-p "    20  …b\n        new\n        more\n    10  …b\n        old\n"
                            (pen-jobs-test-text)))))

(ert-deftest pen-jobs-test-events-are-newest-first ()
  (pen-jobs-test-with '((log :what text :text "The job began.")
                        (log :what checkpoint :text "Step 10 is kept.")
                        (log :what warning :text "It is slow."))
    (should (string-match-p
             "\nwarning: It is slow.\ncheckpoint: Step 10 is kept.\nThe job began.\n"
             (pen-jobs-test-text)))))

(ert-deftest pen-jobs-test-end-is-shown-and-said ()
  (let (said)
    (cl-letf (((symbol-function 'message)
               (lambda (format &rest args) (setq said (apply #'format format args)))))
      (pen-jobs-test-with '((progress :step 100 :steps 100 :loss 1.0)
                            (done :reason finished
                                  :value (:id "ftjob-1" :status "succeeded" :model "pen-tiny"
                                              :prompt "pun-complete"
                                              :fine-tuned-model "ft:pen-tiny::1")))
        (pen-jobs-test-has "Status  succeeded")
        (pen-jobs-test-has "pen-tiny → ft:pen-tiny::1")
        (should-not (string-match-p "^Left" (pen-jobs-test-text)))
        (should-not pen-jobs-activity)
        (should (equal said
                       "Job ftjob-1 is done; \"pun-complete\" now answers with ft:pen-tiny::1."))))))

(ert-deftest pen-jobs-test-failure-says-why ()
  (pen-jobs-test-with '((done :reason finished
                              :value (:id "ftjob-1" :status "failed" :error "The disk is full.")))
    (pen-jobs-test-has "Status  failed: The disk is full.")))

(ert-deftest pen-jobs-test-lost-service-is-shown-and-g-follows-again ()
  (pen-jobs-test-with '((error :kind connection-lost :message "The service ended."))
    (pen-jobs-test-has "The service ended. g follows it again.")
    (should-not pen-jobs-activity)
    (revert-buffer)
    (pen-rpc-fake-settle)
    (should (= 2 (cl-count "jobs-watch" pen-rpc-fake-calls :key #'car :test #'equal)))))

(ert-deftest pen-jobs-test-killing-the-buffer-ends-the-subscription-only ()
  (pen-jobs-test-with '((progress :step 1 :steps 2))
    (kill-buffer)
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (should (eq (pen-rpc-fake-last "jobs-cancel") 'none))
    (should-not pen-jobs-activity)))

(ert-deftest pen-jobs-test-many-events-are-drawn-20-times-a-second ()
  (pen-jobs-test-with '((progress :step 1 :steps 2000))
    (let ((draws 0) (before (float-time)))
      (cl-letf* ((insert-it (symbol-function 'pen-job--insert))
                 ((symbol-function 'pen-job--insert)
                  (lambda () (setq draws (1+ draws)) (funcall insert-it))))
        (dotimes (step 500)
          (pen-rpc-fake-event "fake-1" 'progress :step step :steps 2000 :loss 2.0))
        (should (<= draws (1+ (* 20 (- (float-time) before)))))))))

(ert-deftest pen-jobs-test-point-stays-where-it-was ()
  (pen-jobs-test-with '((progress :step 50 :steps 100 :loss 2.0))
    (goto-char 20)
    (pen-rpc-fake-event "fake-1" 'progress :step 51 :steps 100 :loss 1.9)
    (pen-rpc-fake-settle 0.1)
    (should (= (point) 20))))

(ert-deftest pen-jobs-test-cancel-from-lisp-returns-the-status ()
  (pen-rpc-fake-with '(("jobs-cancel" value (:id "j" :status "cancelled")))
    (should (eq (pen-job-cancel "j") 'cancelled))))

(ert-deftest pen-jobs-test-list-shows-jobs-and-ret-opens-one ()
  (pen-rpc-fake-with `(("jobs-list" value (,pen-jobs-test-detail
                                           (:id "ftjob-0" :status "succeeded" :model "pen-tiny"
                                                :step 9 :total-steps 9 :train-loss 1.5)))
                       ("jobs-show" hang) ("jobs-watch" hang))
    (save-window-excursion
      (with-current-buffer (pen-jobs)
        (pen-rpc-fake-settle)
        (pen-jobs-test-has "ftjob-1")
        (pen-jobs-test-has "1.500")
        (goto-char (point-min))
        (search-forward "ftjob-0")
        (should (eq (key-binding (kbd "RET")) 'pen-job))
        (should (equal (pen-job--here) "ftjob-0"))
        (kill-buffer)))))

(ert-deftest pen-jobs-test-durations-are-for-people ()
  (should (equal (mapcar #'pen-job-duration '(nil 0.0e+NaN 5 59.4 90 7200))
                 '("–" "–" "5 s" "59 s" "2 min" "2.0 h"))))

(provide 'pen-jobs-test)
;;; pen-jobs-test.el ends here
