;;; pen-job-activity-test.el --- What the mode line says of jobs -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-job-activity)

(defmacro pen-job-activity-test-with (&rest body)
  "Run BODY while no job runs."
  `(let (pen-job-activity pen-job-activity--running)
     (with-temp-buffer ,@body)))

(ert-deftest pen-job-activity-test-counts-jobs-and-shows-the-newest ()
  (pen-job-activity-test-with
   (pen-job-activity-note "a" '(:status "running" :step 3 :total-steps 9))
   (should (equal pen-job-activity "[1 3/9]"))
   (pen-job-activity-note "b" '(:status "queued" :total-steps 400))
   (should (equal pen-job-activity "[2 0/400]"))
   (pen-job-activity-note "b" '(:status "succeeded" :step 400 :total-steps 400))
   (should (equal pen-job-activity "[1 3/9]"))
   (pen-job-activity-note "a" '(:status "paused" :step 3))
   (should-not pen-job-activity)))

(ert-deftest pen-job-activity-test-a-job-seen-in-two-buffers-is-one ()
  (pen-job-activity-test-with
   (pen-job-activity-note "a" '(:status "running" :step 3 :total-steps 9))
   (with-temp-buffer
     (pen-job-activity-note "a" '(:status "running" :step 5 :total-steps 9))
     (should (equal pen-job-activity "[1 5/9]"))
     (pen-job-activity-forget))
   (should (equal pen-job-activity "[1 3/9]"))
   (pen-job-activity-forget)
   (should-not pen-job-activity)))

(ert-deftest pen-job-activity-test-the-mode-line-is-redrawn-when-its-text-changes-only ()
  (let ((updates 0))
    (cl-letf (((symbol-function 'force-mode-line-update)
               (lambda (&rest _) (setq updates (1+ updates)))))
      (pen-job-activity-test-with
       (dotimes (_ 5)
         (pen-job-activity-note "a" '(:status "running" :step 3 :total-steps 9)))
       (should (= updates 1))
       (pen-job-activity-note "a" '(:status "running" :step 4 :total-steps 9))
       (should (= updates 2))))))

(provide 'pen-job-activity-test)
;;; pen-job-activity-test.el ends here
