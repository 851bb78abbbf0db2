;;; pen-job-action-test.el --- Pausing, resuming, cancelling -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)

(ert-deftest pen-job-action-test-from-lisp-returns-the-status ()
  (pen-rpc-fake-with '(("jobs-cancel" value (:id "j" :status "cancelled"))
                       ("jobs-pause" value (:id "j" :status "running" :want "pause"))
                       ("jobs-resume" value (:id "j" :status "queued")))
    (should (eq (pen-job-cancel "j") 'cancelled))
    (should (eq (pen-job-pause "j") 'running))
    (should (eq (pen-job-resume "j") 'queued))))

(ert-deftest pen-job-action-test-from-lisp-an-error-is-signalled ()
  (pen-rpc-fake-with '(("jobs-pause" error bad-params "The job has ended."))
    (should-error (pen-job-pause "j") :type 'pen-bad-params-error)))

(ert-deftest pen-job-action-test-cancelling-asks-first ()
  (pen-job-scene pen-job-scene-detail nil
    (cl-letf (((symbol-function 'y-or-n-p) #'ignore))
      (pen-fixture-press "c"))
    (should (eq (pen-rpc-fake-last "jobs-cancel") 'none))
    (cl-letf (((symbol-function 'y-or-n-p) #'always))
      (pen-fixture-press "c"))
    (should (equal (pen-rpc-fake-last "jobs-cancel") '(:id "ftjob-1")))))

(ert-deftest pen-job-action-test-p-pauses-what-runs-and-resumes-what-is-paused ()
  (pen-job-scene pen-job-scene-detail nil
    (push '("jobs-pause" hang) pen-rpc-fake--table)
    (let (said)
      (cl-letf (((symbol-function 'message) (lambda (&rest args) (push (apply #'format args) said))))
        (pen-fixture-press "p"))
      (should (member "Pausing ftjob-1 after its step…" said)))
    (should (equal (pen-rpc-fake-last "jobs-pause") '(:id "ftjob-1")))
    (should (eq (pen-rpc-fake-last "jobs-resume") 'none)))
  (pen-job-scene (pen-job-scene-detail :status "paused") nil
    (push '("jobs-resume" hang) pen-rpc-fake--table)
    (pen-fixture-press "p")
    (should (equal (pen-rpc-fake-last "jobs-resume") '(:id "ftjob-1")))))

(ert-deftest pen-job-action-test-a-job-that-ended-cannot-be-paused ()
  (pen-job-scene (pen-job-scene-detail :status "succeeded") nil
    (let ((err (should-error (pen-fixture-press "p") :type 'user-error)))
      (should (equal (cadr err) "This job has ended: it succeeded")))))

(ert-deftest pen-job-action-test-no-model-yet-is-said ()
  (pen-job-scene pen-job-scene-detail nil
    (should-error (pen-fixture-press "m") :type 'user-error)
    (should-error (pen-fixture-press "x") :type 'user-error)))

(ert-deftest pen-job-action-test-what-was-done-is-told ()
  (let* ((touched nil)
         (pen-job-touched-functions (list (lambda (job) (push (plist-get job :status) touched)))))
    (pen-rpc-fake-with '(("jobs-resume" value (:id "j" :status "queued")))
      (pen-job-resume "j"))
    (should (equal touched '("queued")))))

(ert-deftest pen-job-action-test-deleting-a-model-asks-first ()
  (pen-job-scene (pen-job-scene-detail :status "succeeded" :fine-tuned-model "ft:x") nil
    (push '("models-delete" value (:id "ft:x")) pen-rpc-fake--table)
    (cl-letf (((symbol-function 'y-or-n-p) #'ignore))
      (pen-job-delete-model))
    (should (eq (pen-rpc-fake-last "models-delete") 'none))
    (cl-letf (((symbol-function 'y-or-n-p) #'always))
      (pen-job-delete-model))
    (should (equal (pen-rpc-fake-last "models-delete") '(:id "ft:x")))))

(provide 'pen-job-action-test)
;;; pen-job-action-test.el ends here
