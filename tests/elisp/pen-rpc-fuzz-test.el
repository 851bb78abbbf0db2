;;; pen-rpc-fuzz-test.el --- Random values there and back -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; 20,000 random values, printed by Emacs, read and printed by Python, read by
;; Emacs; many go in one call, for a call of its own each would take minutes.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)

(defconst pen-rpc-fuzz-test-values 20000)
(defconst pen-rpc-fuzz-test-batch 500)

(defconst pen-rpc-fuzz-test-signs
  (vconcat "abc \"\\\n\r\t\0\e()[]';#?,.`äßé—😀‮\x10ffff\x7f" "\u2028" "01ax")
  "What texts are made of.")

(defun pen-rpc-fuzz-test-pick (&rest choices)
  "Return one of CHOICES."
  (nth (random (length choices)) choices))

(defun pen-rpc-fuzz-test-text ()
  "Return a text."
  (let ((signs nil))
    (dotimes (_ (random 12))
      (push (aref pen-rpc-fuzz-test-signs (random (length pen-rpc-fuzz-test-signs))) signs))
    (apply #'string signs)))

(defun pen-rpc-fuzz-test-integer ()
  "Return an integer, now and then a large one."
  (* (pen-rpc-fuzz-test-pick 1 -1)
     (pen-rpc-fuzz-test-pick (random 3) (random 100000) (expt 2 (random 200))
                             most-positive-fixnum (1+ most-positive-fixnum))))

(defun pen-rpc-fuzz-test-float ()
  "Return a float, now and then an odd one."
  (* (pen-rpc-fuzz-test-pick 1 -1)
     (pen-rpc-fuzz-test-pick 0.0 0.1 1e300 5e-324 1.7976931348623157e308 1.0e+INF 0.0e+NaN
                             (/ (random 1000000) 7.0) (expt 10.0 (- (random 600) 300)))))

(defun pen-rpc-fuzz-test-value ()
  "Return a record of the peer's method `mixed'."
  (list :text (pen-rpc-fuzz-test-text)
        :whole (pen-rpc-fuzz-test-integer)
        :real (pen-rpc-fuzz-test-float)
        :flag (pen-rpc-fuzz-test-pick nil t :false)
        :names (cl-loop repeat (random 3) for number from 0
                        collect (list (format "%d%s" number (pen-rpc-fuzz-test-text))
                                      (pen-rpc-fuzz-test-text)))
        :lists (cl-loop repeat (random 3)
                        collect (cl-loop repeat (random 4) collect (pen-rpc-fuzz-test-integer)))
        :either (pen-rpc-fuzz-test-pick nil (pen-rpc-fuzz-test-integer) (pen-rpc-fuzz-test-text))))

(defun pen-rpc-fuzz-test-same-p (one other)
  "Return non-nil if ONE and OTHER are the same; a NaN is one, -0.0 is not 0.0."
  (or (equal one other)
      (equal (prin1-to-string one) (prin1-to-string other))))

(ert-deftest pen-rpc-fuzz-test-twenty-thousand-round-trips ()
  (random "pen")                        ; the same ones every time
  (pen-rpc-test-with nil
    (let ((trips 0)
          (gc-cons-threshold 200000000)) ; three quarters of the time else
      (while (< trips pen-rpc-fuzz-test-values)
        (let ((sent (cl-loop repeat pen-rpc-fuzz-test-batch collect (pen-rpc-fuzz-test-value))))
          (cl-loop for one in sent
                   for other in (pen-rpc-call-sync "test-mixed" (list :values sent) 60)
                   do (unless (pen-rpc-fuzz-test-same-p one other)
                        (ert-fail (list one other)))
                   (cl-incf trips))))
      (should (= trips pen-rpc-fuzz-test-values)))))

(provide 'pen-rpc-fuzz-test)
;;; pen-rpc-fuzz-test.el ends here
