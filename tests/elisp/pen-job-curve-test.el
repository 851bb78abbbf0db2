;;; pen-job-curve-test.el --- The loss curve in the buffer of a job -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'pen-job-scene)

(defconst pen-job-curve-test-curve
  (mapcar (lambda (step)
            (list :step step :train-loss (- 4.0 (* 0.3 step)) :tokens (* 100 step)
                  :valid-loss (and (zerop (% step 4)) (- 4.2 (* 0.3 step)))))
          (number-sequence 1 8))
  "A loss that falls.")

(defmacro pen-job-curve-test-with (events &rest body)
  "Run BODY in the buffer of a job with a curve and checkpoints and EVENTS."
  (declare (indent 1))
  `(pen-job-scene (pen-job-scene-detail
                   :curve pen-job-curve-test-curve
                   :checkpoints '((:step 4 :model "ft:x:ckpt-step-4" :train-loss 2.8)
                                  (:step 8 :model "ft:x" :train-loss 1.6)))
       ,events
     ,@body))

(ert-deftest pen-job-curve-test-is-a-line-for-each-loss-where-no-images-show ()
  (pen-job-curve-test-with nil
    (pen-job-scene-has "train   3.700 █▇▆▅▄▃▂▁ 1.600\nvalid   3.000    ▆▆▆▆▂ 1.800\nsteps 1 to 8\n")))

(ert-deftest pen-job-curve-test-l-draws-the-logarithm-and-back ()
  (pen-job-curve-test-with nil
    (pen-job-scene-has "steps 1 to 8\n")
    (pen-fixture-press "L")
    (pen-job-scene-has "steps 1 to 8, loss logarithmic\n")
    (pen-fixture-press "L")
    (pen-job-scene-has "steps 1 to 8\n")))

(ert-deftest pen-job-curve-test-x-wants-tokens ()
  (pen-job-curve-test-with nil
    (pen-fixture-press "X")
    (should (eq pen-job-curve-by :tokens))
    (pen-fixture-press "X")
    (should (eq pen-job-curve-by :step)))
  (pen-job-scene (pen-job-scene-detail :curve '((:step 1 :train-loss 3.0))) nil
    (should-error (pen-fixture-press "X") :type 'user-error)
    (should (eq pen-job-curve-by :step))))

(ert-deftest pen-job-curve-test-ret-goes-to-the-nearest-checkpoint ()
  (pen-job-curve-test-with nil
    (goto-char (point-min))
    (search-forward "train   3.700 ")
    (pen-fixture-press "RET")
    (should (equal (get-text-property (point) 'pen-job-checkpoint) "ft:x:ckpt-step-4"))
    (goto-char (point-min))
    (search-forward "▁ 1.600")
    (goto-char (match-beginning 0))
    (pen-fixture-press "RET")
    (should (equal (get-text-property (point) 'pen-job-checkpoint) "ft:x"))))

(ert-deftest pen-job-curve-test-ret-without-a-checkpoint-says-so ()
  (pen-job-scene (pen-job-scene-detail :curve pen-job-curve-test-curve) nil
    (goto-char (point-min))
    (search-forward "train   3.700 ")
    (should-error (pen-fixture-press "RET") :type 'user-error)))

(ert-deftest pen-job-curve-test-a-loss-that-diverged-is-a-cross ()
  (pen-job-curve-test-with '((progress :step 9 :steps 9 :loss 0.0e+NaN))
    (pen-job-scene-has "█▇▆▅▄▃▂▁× NaN\n")
    (goto-char (point-min))
    (search-forward "× NaN")
    (should (eq (get-text-property (1- (point)) 'face) 'error))))

(ert-deftest pen-job-curve-test-a-picture-has-both-lines-and-the-checkpoints ()
  (pen-job-curve-test-with nil
    (cl-letf (((symbol-function 'pen-job-curve--graphic-p) #'always)
              ((symbol-function 'create-image) (lambda (data &rest _) (list 'image :data data))))
      (pen-job--draw)
      (goto-char (point-min))
      (let* ((place (text-property-not-all (point-min) (point-max) 'display nil))
             (svg (plist-get (cdr (get-text-property place 'display)) :data)))
        (should (= 2 (cl-count-if (lambda (line) (string-prefix-p "<polyline" line))
                                  (split-string svg "\n"))))
        (should (= 2 (cl-count-if (lambda (line) (string-prefix-p "<path" line))
                                  (split-string svg "\n"))))))))

(ert-deftest pen-job-curve-test-a-picture-is-made-twice-a-second-at-most ()
  (pen-job-curve-test-with nil
    (should (= pen-job-curve--rest 0.5))
    (let ((made 0))
      (cl-letf (((symbol-value 'pen-job-curve--rest) 600) ; however long 20 take
                ((symbol-function 'pen-job-curve--graphic-p) #'always)
                ((symbol-function 'create-image)
                 (lambda (&rest _) (setq made (1+ made)) '(image))))
        (dotimes (step 20)
          (push (list :step (+ 9 step) :loss 1.5) pen-job--curve)
          (pen-job--draw))
        (should (= made 1))
        (should (timerp pen-job-curve--timer))
        (cancel-timer pen-job-curve--timer)
        (pen-job-curve-toggle-log)
        (pen-job--draw)
        (should (= made 2))))))

(provide 'pen-job-curve-test)
;;; pen-job-curve-test.el ends here
