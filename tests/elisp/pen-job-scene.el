;;; pen-job-scene.el --- A job's buffer on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What the tests of the files about jobs share.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-job)
(require 'pen-jobs)

(defconst pen-job-scene-detail
  '(:id "ftjob-1" :status "running" :model "pen-tiny" :prompt "pun-complete"
        :step 5 :total-steps 100 :event "ftevent-5" :created-at 1000
        :hyperparameters ((:name "n_epochs" :value "2") (:name "batch_size" :value "4")))
  "What the service says of the job when it is first asked.")

(defun pen-job-scene-detail (&rest fields)
  "Return what the service says of the job, with FIELDS in place of the usual ones."
  (let ((detail (copy-sequence pen-job-scene-detail)))
    (cl-loop for (key value) on fields by #'cddr
             do (setq detail (plist-put detail key value)))
    detail))

(defmacro pen-job-scene (detail events &rest body)
  "Run BODY in the buffer of a job that stands as DETAIL and that EVENTS happen to."
  (declare (indent 2))
  `(pen-rpc-fake-with (list (list "jobs-show" 'value ,detail)
                            (append (list "jobs-watch" 'events) ,events)
                            (list "jobs-watch-all" 'hang))
     (let (pen-job-activity--running pen-job-activity)
       (save-window-excursion
         (let ((buffer (pen-job "ftjob-1")))
           (unwind-protect
               (with-current-buffer buffer
                 (pen-fixture-until
                  (lambda () (and pen-job--fields (null pen-rpc--events)
                                  (null (pen-redraw-timer pen-redraw-here))
                                  (or (null (assoc "jobs-watch" pen-rpc-fake--table))
                                      pen-job--was-finished
                                      (pen-stream-id pen-job--stream)))))
                 ,@body)
             (when (buffer-live-p buffer)
               (kill-buffer buffer))
             (pen-rpc-fake-settle 0.02))))))) ; what was asked last is answered here

(defun pen-job-scene-matches (regexp)
  "Check that this buffer comes to match REGEXP."
  (pen-fixture-until (lambda () (string-match-p regexp (pen-fixture-text)))))

(defun pen-job-scene-has (text)
  "Check that this buffer comes to have TEXT."
  (pen-job-scene-matches (regexp-quote text)))

(provide 'pen-job-scene)
;;; pen-job-scene.el ends here
