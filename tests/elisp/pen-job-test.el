;;; pen-job-test.el --- The screen of one job, on a service that is a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)
(require 'pen-complete)

(defconst pen-job-test-checkpoints
  '((:step 4 :model "ft:x:ckpt-step-4" :train-loss 2.5 :valid-loss nil)
    (:step 8 :model "ft:x:ckpt-step-8" :train-loss 2.0 :valid-loss 2.1))
  "Two checkpoints, in the wrong order.")

(ert-deftest pen-job-test-opens-at-once-and-does-not-wait ()
  (pen-rpc-fake-with '(("jobs-show" hang))
    (pen-fixture-quickest
     0.1 (lambda ()
           (save-window-excursion
             (prog1 (pen-fixture-time #'pen-job "ftjob-1")
               (kill-buffer "*pen-job ftjob-1*")))))))

(ert-deftest pen-job-test-shows-what-is-known ()
  (pen-job-scene pen-job-scene-detail nil
    (pen-job-scene-has "Status  running")
    (pen-job-scene-has "Model   pen-tiny\n")
    (pen-job-scene-has "n_epochs                   2\nbatch_size                 4\n")
    (pen-job-scene-has "Step    5/100")))

(ert-deftest pen-job-test-keys-are-seen-above-all-that-can-grow ()
  (pen-job-scene (pen-job-scene-detail :checkpoints pen-job-test-checkpoints) nil
    (pen-job-scene-has "step-8")
    (should (string-match-p "\\`RET use checkpoint .* c cancel\nL logarithm .* q quit\n\nStatus"
                            (pen-fixture-text)))
    (goto-char 5)                       ; point stays there, too
    (pen-job--draw)
    (should (= (point) 5))
    (should (eq (key-binding "?") #'describe-mode))))

(ert-deftest pen-job-test-follows-progress ()
  (pen-job-scene pen-job-scene-detail
      '((progress :step 50 :steps 100 :loss 2.3456 :valid-loss 2.6 :epoch 1.0
                  :tokens-per-second 5432.1 :eta 90.0))
    (pen-job-scene-has "50/100  [###############...............]")
    (pen-job-scene-has "train 2.346   valid 2.600")
    (pen-job-scene-has "5432 tokens/s")
    (pen-job-scene-has "Left    2 min")
    (should (equal pen-job-activity "[1 50/100]"))
    (should (equal (substring-no-properties header-line-format)
                   " running  step 50/100  epoch 1  train 2.346  valid 2.600  ? keys  ftjob-1"))))

(ert-deftest pen-job-test-its-header-fits-into-eighty-columns-without-its-id ()
  (let ((id (concat "ftjob-" (make-string 24 ?x))))
    (pen-job-scene (pen-job-scene-detail :id id)
        '((progress :step 12345 :steps 99999 :loss 2.3456 :valid-loss 2.6 :epoch 12.5))
      (should (string-match-p "epoch 12\\.5 " header-line-format))
      (should (< (string-match "\\? keys" header-line-format) 74)))))

(ert-deftest pen-job-test-what-is-not-there-yet-says-when-it-is ()
  (pen-job-scene pen-job-scene-detail nil
    (pen-job-scene-has "Samples, newest first\nnone yet; s has the newest checkpoint write one\n")
    (pen-job-scene-has "Checkpoints, newest first\nnone yet; the first one comes at the latest at the end\n"))
  (pen-job-scene (pen-job-scene-detail :status "cancelled") nil
    (pen-job-scene-has "Checkpoints, newest first\nnone\n")))

(ert-deftest pen-job-test-a-long-status-is-folded-below-its-beginning ()
  (pen-job-scene (pen-job-scene-detail :status "failed" :error (make-string 200 ?x)) nil
    (pen-job-scene-has "Status  failed: xxx")
    (goto-char (point-min))
    (search-forward "xxx")
    (should (equal (get-text-property (point) 'wrap-prefix) (make-string 8 ?\s)))
    (search-backward "failed")
    (should (eq (get-text-property (point) 'face) 'error))))

(ert-deftest pen-job-test-long-samples-are-folded-between-words-below-their-step ()
  (pen-job-scene pen-job-scene-detail
      '((log :what sample :text "old" :data (("step" 10) ("prompt" "a\nb\n"))))
    (search-forward "…b")
    (should word-wrap)
    (should (equal (get-text-property (point) 'wrap-prefix) "        "))
    (should (eq bidi-paragraph-direction 'left-to-right))))

(ert-deftest pen-job-test-loss-that-is-no-number-looks-like-an-error ()
  (pen-job-scene pen-job-scene-detail '((progress :step 50 :steps 100 :loss 0.0e+NaN))
    (pen-job-scene-has "train NaN")
    (pen-job-scene-has "No step had a loss that can be drawn; the last was NaN.")
    (goto-char (point-min))
    (while (search-forward "NaN" nil t)
      (should (eq (get-text-property (1- (point)) 'face) 'error)))))

(ert-deftest pen-job-test-samples-are-newest-first ()
  (pen-job-scene pen-job-scene-detail
      '((log :what sample :text "old" :data (("step" 10) ("prompt" "a\nb\n")))
        (log :what sample :text "new\nmore" :data (("step" 20) ("prompt" "a\nb\n"))))
    (pen-job-scene-matches "    20  …b\n        new\n        more\n    10  …b\n        old\n")))

(ert-deftest pen-job-test-checkpoints-are-newest-first-and-ret-completes-with-one ()
  (pen-job-scene (pen-job-scene-detail :checkpoints pen-job-test-checkpoints) nil
    (pen-job-scene-matches "     8  train 2.000  valid 2.100  ft:x:ckpt-step-8\n     4 .*step-4\n")
    (let ((pen-default-model nil))
      (goto-char (point-min))
      (search-forward "train 2.500")
      (pen-fixture-press "RET")
      (should (equal pen-default-model "ft:x:ckpt-step-4")))))

(ert-deftest pen-job-test-a-checkpoint-is-meant-at-the-end-of-its-line-too ()
  (pen-job-scene (pen-job-scene-detail :checkpoints pen-job-test-checkpoints) nil
    (dolist (key '("RET" "m"))
      (let ((pen-default-model nil))
        (goto-char (point-min))
        (search-forward "step-4")
        (should (eolp))
        (pen-fixture-press key)
        (should (equal pen-default-model "ft:x:ckpt-step-4"))))))

(ert-deftest pen-job-test-ret-elsewhere-says-what-to-do ()
  (pen-job-scene pen-job-scene-detail nil
    (goto-char (point-min))
    (should-error (pen-fixture-press "RET") :type 'user-error)))

(ert-deftest pen-job-test-samples-now-from-the-newest-checkpoint ()
  (pen-job-scene (pen-job-scene-detail :checkpoints pen-job-test-checkpoints) nil
    (push '("jobs-sample" value ((:step 8 :prompt "Why?" :completion " Because.")))
          pen-rpc-fake--table)
    (pen-fixture-press "s")
    (should (equal (pen-rpc-fake-last "jobs-sample") '(:id "ftjob-1" :n 1)))
    (pen-job-scene-has "     8  …Why?\n        Because.\n")
    (pen-job-follow "ftjob-1")          ; what was written is not lost
    (pen-rpc-fake-settle)
    (pen-job--draw)
    (pen-job-scene-has "     8  …Why?\n        Because.\n")
    (should (= 1 (length pen-job--samples)))))

(ert-deftest pen-job-test-sampling-without-a-checkpoint-says-so ()
  (pen-job-scene pen-job-scene-detail nil
    (let ((err (should-error (pen-fixture-press "s") :type 'user-error)))
      (should (string-match-p "no checkpoint yet" (cadr err))))
    (should (eq (pen-rpc-fake-last "jobs-sample") 'none))))

(ert-deftest pen-job-test-what-it-cost ()
  (pen-job-scene (pen-job-scene-detail :status "succeeded" :trained-tokens 1234567 :cost 0.0
                                       :finished-at 1090)
      nil
    (pen-job-scene-has "Cost    nothing, on this machine, for 1,234,567 tokens in 2 min\n"))
  (pen-job-scene (pen-job-scene-detail :trained-tokens 999 :cost 1.5 :currency "USD") nil
    (pen-job-scene-has "Cost    1.50 USD for 999 tokens\n"))
  (pen-job-scene (pen-job-scene-detail :trained-tokens 1000) nil
    (pen-job-scene-has "Cost    an unknown price for 1,000 tokens\n")))

(ert-deftest pen-job-test-failure-says-why ()
  (pen-job-scene (pen-job-scene-detail :status "failed" :error "The disk is full.") nil
    (pen-job-scene-has "Status  failed: The disk is full.")))

(ert-deftest pen-job-test-a-trainer-that-was-killed-is-told ()
  (pen-job-scene (pen-job-scene-detail :interruption "It was killed by signal 9.") nil
    (pen-job-scene-has "Status  running; It was killed by signal 9.")))

(ert-deftest pen-job-test-many-events-are-drawn-20-times-a-second ()
  (pen-job-scene pen-job-scene-detail '((progress :step 1 :steps 2000))
    (let ((draws 0) (before (float-time)))
      (cl-letf* ((insert-it (symbol-function 'pen-job--insert))
                 ((symbol-function 'pen-job--insert)
                  (lambda () (setq draws (1+ draws)) (funcall insert-it))))
        (dotimes (step 500)
          (pen-rpc-fake-event "fake-1" 'progress :step step :steps 2000 :loss 2.0))
        (pen-job-scene-has "499/2000")
        (should (<= 1 draws (1+ (* 20 (- (float-time) before)))))))))

(ert-deftest pen-job-test-is-drawn-only-where-somebody-can-see-it ()
  (pen-job-scene pen-job-scene-detail '((progress :step 1 :steps 100))
    (let ((buffer (current-buffer)))
      (switch-to-buffer "*scratch*")
      (with-current-buffer buffer
        (pen-rpc-fake-event "fake-1" 'progress :step 77 :steps 100 :loss 2.0)
        (pen-rpc-fake-settle 0.1)
        (should-not (string-match-p "77/100" (pen-fixture-text)))
        (switch-to-buffer buffer)
        (run-hook-with-args 'window-buffer-change-functions (selected-window))
        (pen-job-scene-has "77/100")))))

(ert-deftest pen-job-test-point-stays-on-its-line ()
  (pen-job-scene pen-job-scene-detail
      '((log :what sample :text "one\ntwo\nthree" :data (("step" 10) ("prompt" "p"))))
    (goto-char (point-min))
    (search-forward "tw")
    (set-window-point nil (point))
    (pen-rpc-fake-event "fake-1" 'log :what 'sample :text "newer\nwith\nlines"
                        :data '(("step" 20) ("prompt" "p")))
    (pen-job-scene-has "newer")
    (dolist (place (list (point) (window-point)))
      (goto-char place)
      (should (looking-at-p "o\n"))
      (should (looking-back "  tw" (line-beginning-position))))))

(ert-deftest pen-job-test-n-goes-from-section-to-section ()
  (pen-job-scene pen-job-scene-detail nil
    (goto-char (point-min))
    (let (titles)
      (dotimes (_ 6)
        (pen-fixture-press "n")
        (push (buffer-substring-no-properties (point) (line-end-position)) titles))
      (should (equal (nreverse titles)
                     '("Curve" "Samples, newest first" "Checkpoints, newest first"
                       "Events, newest first" "Hyperparameters" "Curve"))))))

(ert-deftest pen-job-test-before-the-first-step-the-trainer-starts ()
  (should (equal (pen-job--steps '(:status "running"))
                 "0; the trainer starts and loads the model"))
  (should (equal (pen-job--steps '(:status "queued")) "0"))
  (should (equal (pen-job--steps '(:status "running" :step 3)) "3")))

(provide 'pen-job-test)
;;; pen-job-test.el ends here
