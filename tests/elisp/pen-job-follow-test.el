;;; pen-job-follow-test.el --- What a job's buffer learns from events -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)

(ert-deftest pen-job-follow-test-goes-on-from-the-event-that-the-description-is-from ()
  (pen-job-scene pen-job-scene-detail nil
    (should (equal (pen-rpc-fake-last "jobs-watch") '(:id "ftjob-1" :since "ftevent-5")))))

(ert-deftest pen-job-follow-test-a-job-that-ended-is-not-subscribed-to ()
  (pen-job-scene (pen-job-scene-detail :status "succeeded") nil
    (should (eq (pen-rpc-fake-last "jobs-watch") 'none))
    (should-not pen-job-activity)))

(ert-deftest pen-job-follow-test-the-curve-has-the-points-that-merged-events-stand-for ()
  (pen-job-scene (pen-job-scene-detail :curve '((:step 1 :train-loss 3.0 :valid-loss nil :tokens 10)))
      '((progress :step 4 :steps 9 :loss 2.4 :tokens 40
                  :points ((:step 1 :loss 9.9) (:step 2 :loss 2.8 :valid-loss 2.9 :tokens 20)
                           (:step 3 :loss 2.6 :tokens 30))))
    (should (equal (mapcar (lambda (point) (mapcar (lambda (key) (plist-get point key))
                                                   '(:step :loss :valid-loss :tokens)))
                           (reverse pen-job--curve))
                   '((1 3.0 nil 10) (2 2.8 2.9 20) (3 2.6 nil 30) (4 2.4 nil 40))))))

(ert-deftest pen-job-follow-test-a-valid-loss-stays-until-the-next ()
  (pen-job-scene pen-job-scene-detail
      '((progress :step 50 :steps 100 :loss 2.0 :valid-loss 2.6)
        (progress :step 51 :steps 100 :loss 1.9 :valid-loss nil))
    (pen-job-scene-has "train 1.900   valid 2.600")))

(ert-deftest pen-job-follow-test-events-are-newest-first ()
  (pen-job-scene (pen-job-scene-detail :messages '((:level "info" :text "Created.")))
      '((log :what text :level info :text "The job began." :data (("kind" "state") ("state" "running")))
        (log :what checkpoint :level info :text "Step 10 is kept."
             :data (("kind" "checkpoint") ("step" 10) ("name" "ft:x:ckpt-step-10")
                    ("metrics" (("train_loss" 2.0) ("full_valid_loss" 2.5)))))
        (log :what warning :level warning :text "It is slow."))
    (pen-job-scene-matches "\nwarning: It is slow.\ncheckpoint: Step 10 is kept.\nThe job began.\nCreated.\n")
    (pen-job-scene-has "    10  train 2.000  valid 2.500  ft:x:ckpt-step-10\n")))

(ert-deftest pen-job-follow-test-a-state-is-taken-from-its-event ()
  (pen-job-scene pen-job-scene-detail
      '((log :what text :level info :text "Paused." :data (("kind" "state") ("state" "paused"))))
    (pen-job-scene-has "Status  paused")
    (should-not pen-job-activity)
    (should (= 1 (cl-count "jobs-show" pen-rpc-fake-calls :key #'car :test #'equal)))))

(ert-deftest pen-job-follow-test-end-is-shown-and-said ()
  (let (said)
    (cl-letf (((symbol-function 'message)
               (lambda (format &rest args) (setq said (apply #'format format args)))))
      (pen-job-scene pen-job-scene-detail
          '((progress :step 100 :steps 100 :loss 1.0))
        (setcdr (assoc "jobs-show" pen-rpc-fake--table)
                (list 'value (pen-job-scene-detail :status "succeeded" :trained-tokens 5000 :cost 0.0
                                                   :fine-tuned-model "ft:pen-tiny::1")))
        (pen-rpc-fake-event "fake-1" 'done :reason 'finished
                            :value '(:id "ftjob-1" :status "succeeded" :model "pen-tiny"
                                         :prompt "pun-complete" :fine-tuned-model "ft:pen-tiny::1"))
        (pen-job-scene-has "Status  succeeded")
        (pen-job-scene-has "pen-tiny → ft:pen-tiny::1")
        (pen-job-scene-has "5,000 tokens")
        (should-not (string-match-p "^Left" (pen-fixture-text)))
        (should-not pen-job-activity)
        (should (equal said
                       "Job ftjob-1 is done; \"pun-complete\" now answers with ft:pen-tiny::1."))))))

(ert-deftest pen-job-follow-test-lost-service-is-shown-and-g-follows-again ()
  (pen-job-scene pen-job-scene-detail '((error :kind connection-lost :message "The service ended."))
    (pen-job-scene-has "The service ended. g follows it again.")
    (should-not pen-job-activity)
    (revert-buffer)
    (should (pen-fixture-until
             (lambda () (= 2 (cl-count "jobs-watch" pen-rpc-fake-calls
                                       :key #'car :test #'equal)))))))

(ert-deftest pen-job-follow-test-a-job-that-is-not-there-is-said ()
  (pen-rpc-fake-with '(("jobs-show" error not-found "There is no job ftjob-1."))
    (save-window-excursion
      (with-current-buffer (pen-job "ftjob-1")
        (pen-job-scene-has "There is no job ftjob-1.")
        (kill-buffer)))))

(ert-deftest pen-job-follow-test-killing-the-buffer-ends-the-subscription-only ()
  (pen-job-scene pen-job-scene-detail '((progress :step 1 :steps 2))
    (kill-buffer)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (should (eq (pen-rpc-fake-last "jobs-cancel") 'none))
    (should-not pen-job-activity)))

(provide 'pen-job-follow-test)
;;; pen-job-follow-test.el ends here
