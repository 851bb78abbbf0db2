;;; pen-rpc-value-test.el --- What may cross the link, with no service -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-value)

(defun pen-rpc-value-test--nested (depth leaf)
  "Return LEAF within DEPTH lists."
  (dotimes (_ depth leaf)
    (setq leaf (list leaf))))

(ert-deftest pen-rpc-value-test-what-is-clean-is-not-copied ()
  (dolist (value (list "text" 'word 1 1.5 (expt 2 80) nil
                       (list :text "größe" :rows (list (list 1.5 "x") nil))))
    (should (eq (pen-rpc-clean value) value))))

(ert-deftest pen-rpc-value-test-properties-go-wherever-they-are ()
  (let* ((bold (propertize "b" 'face 'bold))
         (plain (list "a" "b" (list 1 (vector "b" "c")) "d" "b"))
         (value (list "a" bold (list 1 (vector bold "c")) "d" bold))
         (clean (pen-rpc-clean value)))
    (should (equal-including-properties clean plain))
    (should (equal-including-properties (nth 1 value) bold)) ; the caller's list is as it was
    (should (eq (nth 1 value) bold))))

(ert-deftest pen-rpc-value-test-deep-lists-cost-one-walk ()
  (let ((deep (pen-rpc-value-test--nested 99 (propertize "x" 'face 'bold))))
    (should (equal-including-properties (pen-rpc-clean deep)
                                        (pen-rpc-value-test--nested 99 "x")))))

(ert-deftest pen-rpc-value-test-what-has-no-meaning-is-refused ()
  (let ((circle (list 1 2)))
    (setcdr (cdr circle) circle)
    (dolist (value (list (cons 1 2) (list 1 (cons 2 3)) circle (make-hash-table) (point-marker)
                         (current-buffer) (lambda (x) (cons x x)) "raw \377" (string-to-multibyte "é\377")
                         (pen-rpc-value-test--nested 102 1)))
      (should-error (pen-rpc-clean (list :value value)) :type 'wrong-type-argument))))

(ert-deftest pen-rpc-value-test-a-frame-counts-bytes-whatever-the-user-prints ()
  (let* ((print-length 2) (print-level 1) (print-escape-newlines t) (float-output-format "%.1f")
         (frame (pen-rpc--frame 7 "some-method" '(:text "ö\n" :list (1 2 3 0.125)))))
    (should-not (multibyte-string-p frame))
    (should (= (string-to-number (substring frame 0 6) 16) (- (length frame) 6)))
    (should (equal (decode-coding-string (substring frame 6) 'utf-8)
                   "(call 7 some-method ((:text \"ö\n\" :list (1 2 3 0.125))))\n"))))

(ert-deftest pen-rpc-value-test-a-frame-beyond-the-limit-is-none ()
  (should-not (pen-rpc--frame 1 "m" (list :text (make-string pen-rpc-max-frame ?x)))))

(ert-deftest pen-rpc-value-test-types ()
  (pcase-dolist (`(,type ,value ,fits)
                 '((string "x" t) (string 1 nil) (integer 1 t) (integer 1.0 nil) (number 1.0 t)
                   (boolean nil t) (boolean :false t) (boolean 1 nil) (null :null t) (null 0 nil)
                   ((member a b) b t) ((member a b) c nil) ((or null string) nil t)
                   ((list integer) [1 2] t) ((list integer) (1 "2") nil) ((list integer) (1 . 2) nil)
                   ((dict integer) (("k" 1)) t) ((dict integer) (("k" . 1)) nil)
                   ((record (:a integer required)) (:a 1) t)
                   ((record (:a integer required)) (:b 1) nil)
                   ((record (:a integer required)) nil nil)))
    (should (eq (and (pen-rpc-type-p type value) t) fits))))

(provide 'pen-rpc-value-test)
;;; pen-rpc-value-test.el ends here
