;;; pen-jobs-test.el --- The list of jobs, on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)
(require 'pen-complete)

(defun pen-jobs-test-job (number &rest fields)
  "Return job NUMBER, which has ended unless FIELDS say otherwise."
  (append fields (list :id (format "ftjob-%d" number) :status "succeeded" :model "pen-tiny"
                       :prompt "pun-complete" :fine-tuned-model (format "ft:x:%d" number)
                       :created-at number :step 9 :total-steps 9 :train-loss 1.5
                       :losses '(3.0 2.0 1.5))))

(defun pen-jobs-test-told (job)
  "Return the event that tells of JOB."
  (list 'log :what 'text :level 'info :text "" :data (list (list "job" job))))

(defmacro pen-jobs-test-with (events &rest body)
  "Run BODY in the list of jobs that EVENTS tell of."
  (declare (indent 1))
  `(pen-rpc-fake-with (list (append (list "jobs-watch-all" 'events) ,events))
     (let (pen-job-activity--running pen-job-activity)
       (save-window-excursion
         (with-current-buffer (pen-jobs)
           (unwind-protect
               (progn
                 (pen-fixture-until
                  (lambda () (and (null pen-rpc--events)
                                  (null (pen-redraw-timer pen-redraw-here))
                                  (or (null pen-jobs--stream)
                                      (pen-stream-id pen-jobs--stream)))))
                 ,@body)
             (when (get-buffer "*pen-jobs*")
               (kill-buffer "*pen-jobs*"))
             (pen-rpc-fake-settle 0.02)))))))

(defun pen-jobs-test-ids ()
  "Return the ids of the list, from above."
  (let (ids)
    (save-excursion
      (goto-char (point-min))
      (while (not (eobp))
        (when (tabulated-list-get-id)
          (push (tabulated-list-get-id) ids))
        (forward-line)))
    (nreverse ids)))

(ert-deftest pen-jobs-test-opens-at-once ()
  (pen-rpc-fake-with '(("jobs-watch-all" hang))
    (save-window-excursion
      (with-current-buffer (pen-jobs)
        (pen-job-scene-has "Asking for the jobs…")
        (kill-buffer)
        (pen-rpc-fake-settle 0.02)))))

(ert-deftest pen-jobs-test-shows-figures-and-a-curve ()
  (pen-jobs-test-with (list (pen-jobs-test-told
                             (pen-jobs-test-job 1 :status "running" :step 120 :total-steps 400
                                                :train-loss 2.314 :valid-loss 2.6 :eta-seconds 180)))
    (pen-job-scene-matches
     "^ftjob-1 +pen-tiny +running +120/400 +2.31 +2.60 +3 min +█▃▁$")
    (should (equal pen-job-activity "[1 120/400]"))))

(ert-deftest pen-jobs-test-a-line-fits-into-eighty-columns ()
  (pen-jobs-test-with
      (list (pen-jobs-test-told
             (pen-jobs-test-job 1 :step 12000 :total-steps 12000
                                :losses (number-sequence 1.0 30.0 0.5))))
    (pen-job-scene-has "█")
    (goto-char (point-min))
    (end-of-line)
    ;; A terminal needs the last column for the sign that something was cut.
    (should (< (current-column) 80))))

(ert-deftest pen-jobs-test-a-model-is-named-without-whose-it-is ()
  (pen-jobs-test-with (list (pen-jobs-test-told
                             (pen-jobs-test-job 1 :model "HuggingFaceTB/SmolLM2-135M")))
    (pen-job-scene-matches "^ftjob-1 +SmolLM2-135M? ")))

(ert-deftest pen-jobs-test-a-list-that-is-cut-says-so ()
  (pen-jobs-test-with (list (list 'done :reason 'finished
                                  :value (mapcar #'pen-jobs-test-job (number-sequence 199 1 -1))))
    (pen-job-scene-has "ftjob-199")
    (should-not (string-search "newest jobs" (pen-fixture-text))))
  (pen-jobs-test-with (list (list 'done :reason 'finished
                                  :value (mapcar #'pen-jobs-test-job (number-sequence 200 1 -1))))
    (pen-job-scene-has "These are the 200 newest jobs; M-x pen-job shows any other by its id.\n")))

(ert-deftest pen-jobs-test-the-newest-job-is-on-top ()
  (pen-jobs-test-with (mapcar (lambda (number) (pen-jobs-test-told (pen-jobs-test-job number)))
                              '(2 3 1))
    (pen-job-scene-has "ftjob-1")
    (should (equal (pen-jobs-test-ids) '("ftjob-3" "ftjob-2" "ftjob-1")))))

(ert-deftest pen-jobs-test-an-empty-list-says-what-to-do ()
  (pen-jobs-test-with '((done :reason finished :value nil))
    (pen-job-scene-has "There are no jobs yet; M-x pen-finetune-region makes one.")))

(ert-deftest pen-jobs-test-a-service-that-fails-is-said-and-g-asks-again ()
  (pen-jobs-test-with '((error :kind connection-lost :message "The service ended."))
    (pen-job-scene-has "The service ended. g asks again.")
    (revert-buffer)
    (should (pen-fixture-until
             (lambda () (= 2 (cl-count "jobs-watch-all" pen-rpc-fake-calls
                                       :key #'car :test #'equal)))))))

(ert-deftest pen-jobs-test-a-long-error-is-shown-to-its-end ()
  (pen-jobs-test-with (list (list 'error :kind 'connection-lost
                                  :message (string-join (make-list 40 "words") " ")))
    (pen-job-scene-matches "words[ \n]g[ \n]asks[ \n]again")
    (should-not (string-match-p "words.\\{80\\}" (pen-fixture-text)))))

(ert-deftest pen-jobs-test-point-stays-on-its-job-in-every-window ()
  (pen-jobs-test-with (mapcar (lambda (number) (pen-jobs-test-told (pen-jobs-test-job number)))
                              '(1 2 3))
    (pen-job-scene-has "ftjob-3")
    (goto-char (point-min))
    (search-forward "ftjob-1")
    (let ((other (split-window)) (column (current-column)))
      (set-window-buffer other (current-buffer))
      (set-window-point other (progn (search-backward "ftjob-2") (point)))
      (search-forward "ftjob-1")
      (set-window-point nil (point))
      (dolist (number '(4 5))
        (apply #'pen-rpc-fake-event "fake-1" (pen-jobs-test-told (pen-jobs-test-job number))))
      (pen-job-scene-has "ftjob-5")
      (should (equal (tabulated-list-get-id (window-point)) "ftjob-1"))
      (should (= (current-column) column))
      (should (equal (tabulated-list-get-id (window-point other)) "ftjob-2")))))

(ert-deftest pen-jobs-test-a-new-job-is-seen-at-the-top ()
  (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1)))
    (pen-job-scene-has "ftjob-1")
    (apply #'pen-rpc-fake-event "fake-1" (pen-jobs-test-told (pen-jobs-test-job 2)))
    (pen-job-scene-has "ftjob-2")
    (should (= (window-start) (point-min)))))

(ert-deftest pen-jobs-test-a-line-that-changed-is-drawn-alone ()
  (pen-jobs-test-with (mapcar (lambda (number) (pen-jobs-test-told (pen-jobs-test-job number)))
                              '(1 2 3))
    (pen-job-scene-has "ftjob-3")
    (pen-fixture-until (lambda () (null (pen-redraw-timer pen-redraw-here))))
    (let ((drawn 0))
      (cl-letf* ((draw (symbol-function 'tabulated-list-print-entry))
                 ((symbol-function 'tabulated-list-print-entry)
                  (lambda (&rest line) (setq drawn (1+ drawn)) (apply draw line))))
        (apply #'pen-rpc-fake-event "fake-1"
               (pen-jobs-test-told (pen-jobs-test-job 2 :status "running" :step 7 :train-loss 9.87)))
        (pen-job-scene-has "9.87"))
      (should (= drawn 1))
      (should (equal (pen-jobs-test-ids) '("ftjob-3" "ftjob-2" "ftjob-1"))))))

(ert-deftest pen-jobs-test-the-usual-columns-fit-into-80-characters ()
  (should (<= (apply #'+ (1- (length pen-jobs-columns))
                     (mapcar (lambda (column) (nth 2 (assq column pen-jobs--columns)))
                             pen-jobs-columns))
              80)))

(ert-deftest pen-jobs-test-is-drawn-only-where-somebody-can-see-it ()
  (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1 :status "running")))
    (pen-job-scene-has "ftjob-1")
    (pen-fixture-until (lambda () (null (pen-redraw-timer pen-redraw-here))))
    (switch-to-buffer "*scratch*")
    (with-current-buffer "*pen-jobs*"
      (apply #'pen-rpc-fake-event "fake-1" (pen-jobs-test-told (pen-jobs-test-job 2)))
      (pen-rpc-fake-settle 0.1)
      (should-not (string-match-p "ftjob-2" (pen-fixture-text)))
      (switch-to-buffer "*pen-jobs*")
      (run-hook-with-args 'window-buffer-change-functions (selected-window))
      (pen-job-scene-has "ftjob-2"))))

(ert-deftest pen-jobs-test-diverged-loss-is-in-the-face-of-errors ()
  (pen-jobs-test-with (list (pen-jobs-test-told
                             (pen-jobs-test-job 1 :status "running" :train-loss 0.0e+NaN
                                                :losses '(3.0 2.0 0.0e+NaN))))
    (pen-job-scene-has "NaN")
    (goto-char (point-min))
    (search-forward "NaN")
    (should (eq (get-text-property (1- (point)) 'face) 'error))
    (search-forward "█▁×")))

(ert-deftest pen-jobs-test-keys-act-on-the-job-of-the-line ()
  (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1))
                            (pen-jobs-test-told (pen-jobs-test-job 2 :status "running")))
    (pen-job-scene-has "ftjob-2")
    (let ((pen-default-model nil))
      (goto-char (point-min))
      (search-forward "ftjob-1")
      (pen-fixture-press "m")
      (should (equal pen-default-model "ft:x:1"))
      (should-error (pen-fixture-press "p") :type 'user-error))
    (should (equal (mapcar (lambda (key) (key-binding (kbd key)))
                           '("RET" "c" "p" "x" "m" "d" "+" "g" "S"))
                   '(pen-job pen-job-cancel pen-job-pause-or-resume pen-job-compare
                             pen-job-use-model pen-job-delete-model pen-finetune-file
                             revert-buffer tabulated-list-sort)))))

(ert-deftest pen-jobs-test-sorts-by-number ()
  (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1 :train-loss 10.5))
                            (pen-jobs-test-told (pen-jobs-test-job 2 :train-loss 9.5)))
    (pen-job-scene-has "ftjob-2")
    (tabulated-list-sort 4)
    (should (equal (pen-jobs-test-ids) '("ftjob-2" "ftjob-1")))
    (tabulated-list-sort 4)
    (should (equal (pen-jobs-test-ids) '("ftjob-1" "ftjob-2")))))

(ert-deftest pen-jobs-test-columns-are-an-option ()
  (let ((pen-jobs-columns '(status prompt)))
    (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1)))
      (pen-job-scene-matches "^succeeded +pun-complete *$"))))

(ert-deftest pen-jobs-test-killing-the-buffer-ends-the-subscription ()
  (pen-jobs-test-with (list (pen-jobs-test-told (pen-jobs-test-job 1 :status "running")))
    (should pen-job-activity)
    (kill-buffer)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (should-not pen-job-activity)))

(provide 'pen-jobs-test)
;;; pen-jobs-test.el ends here
