;;; pen-bench-jobs.el --- How long 200 jobs take to be drawn -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Prints as JSON the median milliseconds of 20 redraws of a list that somebody
;; sees: after one of its jobs has changed, as when one trains, and after all have.

;;; Code:

(require 'json)
(require 'pen-rpc-fake)
(require 'pen-jobs)

(defun pen-bench-jobs--jobs (round)
  "Return 200 running jobs as they stand in ROUND."
  (mapcar (lambda (number)
            (list :id (format "ftjob-%024d" number) :status "running" :model "pen-tiny"
                  :step (+ number round) :total-steps 400 :train-loss (/ 300.0 (+ 100 round))
                  :valid-loss 2.6 :eta-seconds 180.0 :created-at number
                  :losses (mapcar (lambda (i) (- 4.0 (* 0.1 i))) (number-sequence 1 24))))
          (number-sequence 1 200)))

(defun pen-bench-jobs--median (change)
  "Return the median milliseconds of 20 redraws, each after CHANGE of its number."
  (nth 10 (sort (mapcar (lambda (round)
                          (funcall change round)
                          (let ((before (float-time)) (collecting gc-elapsed))
                            (pen-jobs--draw)
                            (* 1000 (- (float-time) before (- gc-elapsed collecting)))))
                        (number-sequence 1 20))
                #'<)))

(pen-rpc-fake-with '(("jobs-watch-all" hang))
  (with-current-buffer (pen-jobs)
    (setq pen-jobs--note nil
          pen-jobs--jobs (pen-bench-jobs--jobs 0))
    (pen-jobs--draw)
    (princ (json-encode
            (list (cons 'one (pen-bench-jobs--median
                              (lambda (round)
                                (setcar (nthcdr 7 pen-jobs--jobs)
                                        (nth 7 (pen-bench-jobs--jobs round))))))
                  (cons 'all (pen-bench-jobs--median
                              (lambda (round)
                                (setq pen-jobs--jobs (pen-bench-jobs--jobs round)
                                      pen-jobs--drawn nil)))))))))

(provide 'pen-bench-jobs)
;;; pen-bench-jobs.el ends here
