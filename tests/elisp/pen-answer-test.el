;;; pen-answer-test.el --- What a screen says while it waits -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-answer)

(defun pen-answer-test-shown ()
  "Return what the preview of this buffer shows."
  (substring-no-properties (overlay-get (pen-preview-overlay pen-preview-current) 'after-string)))

(defun pen-answer-test-clocks ()
  "Return how many timers draw how long a screen has waited."
  (seq-count (lambda (timer) (eq (timer--function timer) #'pen-answer--tick)) timer-list))

(defmacro pen-answer-test-waiting (&rest body)
  "Run BODY in a buffer with a preview for which the service says that it loads."
  (declare (debug t))
  `(let ((pen-answer-patience 0.05))
     (pen-fixture-with '((log :what text :text "loading pen-tiny…"))
       (pen-fixture-in-buffer "one"
         (pen-pun-complete)
         (unwind-protect (progn ,@body)
           (pen-abort t))))))

(ert-deftest pen-answer-test-a-long-wait-is-said-with-its-seconds ()
  (pen-answer-test-waiting
   (cl-decf (pen-answer-since pen-preview-current) 7)
   (pen-fixture-until (lambda () (string-match-p "\\` \\[loading pen-tiny… \\([7-9]\\|[1-9][0-9]\\) s\\]\\'"
                                                 (pen-answer-test-shown))))))

(ert-deftest pen-answer-test-a-short-wait-is-said-without ()
  (let ((pen-answer-patience 600))
    (pen-fixture-with '((log :what text :text "loading pen-tiny…"))
      (pen-fixture-in-buffer "one"
        (pen-pun-complete)
        (pen-fixture-until (lambda () (equal " [loading pen-tiny…]" (pen-answer-test-shown))))
        (pen-abort t)))))

(ert-deftest pen-answer-test-the-clock-stops-with-the-first-word ()
  (pen-answer-test-waiting
   (should (= 1 (pen-answer-test-clocks)))
   (pen-fixture-until (lambda () (pen-preview-stream pen-preview-current)))
   (pen-fixture-until (lambda () (pen-stream-id (pen-preview-stream pen-preview-current))))
   (pen-rpc-fake-event "fake-1" 'delta :index 0 :text "two")
   (pen-fixture-until (lambda () (zerop (pen-answer-test-clocks))))
   (pen-fixture-until (lambda () (string-match-p "two" (pen-answer-test-shown))))))

(ert-deftest pen-answer-test-the-clock-stops-with-its-screen ()
  (pen-answer-test-waiting
   (pen-preview-close)
   (should (zerop (pen-answer-test-clocks)))))

(ert-deftest pen-answer-test-the-first-wait-is-for-the-service ()
  (pen-fixture-with nil
    (let ((pen-rpc--state 'stopped))
      (pen-fixture-in-buffer "one"
        (pen-pun-complete)
        (should (equal (pen-answer-test-shown) " [starting pen…]"))
        (pen-abort t)))))

(ert-deftest pen-answer-test-a-text-that-was-cut-off-says-so ()
  (pen-fixture-with '((delta :index 0 :text "two")
                      (error :kind backend :message "The service ended."))
    (pen-fixture-in-buffer "one"
      (pen-pun-complete)
      (pen-fixture-until (lambda () (pen-preview-done pen-preview-current)))
      (should (string-match-p "two \\[1/1, cut off\\]\\'" (pen-answer-test-shown)))
      (pen-fixture-press "TAB")         ; what there is can be taken
      (should (string-match-p "\\`one\n?two\\'" (buffer-string))))))

(ert-deftest pen-answer-test-the-key-for-others-is-told-if-there-are-others ()
  (pcase-dolist (`(,texts ,told) '((("two") "m: TAB accept, M-RET word, C-g reject")
                                   (("two" "three")
                                    "m: TAB accept, M-n M-p others, M-RET word, C-g reject")))
    (let (said)
      (cl-letf (((symbol-function 'pen-rpc-show) (lambda (text) (push text said))))
        (pen-fixture-with (list (list 'done :reason 'finished
                                      :value (list :model "m"
                                                   :candidates (mapcar (lambda (text) (list :text text))
                                                                       texts))))
          (pen-fixture-in-buffer "one"
            (pen-pun-complete)
            (pen-fixture-until (lambda () said)))))
      (should (equal said (list told))))))

(ert-deftest pen-answer-test-a-window-that-cuts-lines-shows-all-that-can-be-accepted ()
  (let* ((words (string-join (make-list 60 "word") " "))
         (text (concat words "\n日本語" (make-string 100 ?x))))
    (with-temp-buffer
      (insert (make-string 500 ?\s))     ; column 7 is place 8
      (goto-char (point-min))
      (should (equal (pen-answer-folded text 8) text))
      (save-window-excursion
        (switch-to-buffer (current-buffer))
        (should (equal (pen-answer-folded text 8) text)) ; its window folds by itself
        (setq truncate-lines t)
        (let ((lines (split-string (pen-answer-folded text 8) "\n")))
          (should (> (length lines) 5))
          (should (<= (+ 7 (string-width (car lines))) (window-body-width)))
          (dolist (line lines)
            (should (< (string-width line) (window-body-width))))
          (should (equal " \nx" (pen-answer-folded " \nx" 501)))
          (should (equal text (string-replace "\\\n" "" (string-join lines "\n"))))
          (should (equal "\\" (car (split-string (pen-answer-folded text 501) "\n")))))))))

(ert-deftest pen-answer-test-a-preview-is-folded-from-where-it-begins ()
  (pen-fixture-with (list (pen-fixture-done (make-string 100 ?x)))
    (pen-fixture-in-buffer "one"
      (save-window-excursion
        (switch-to-buffer (current-buffer))
        (setq truncate-lines t)
        (pen-pun-complete)
        (pen-fixture-until (lambda () (pen-preview-done pen-preview-current)))
        (should (string-match-p (concat "\\` \nx\\{" (number-to-string (- (window-body-width) 2))
                                        "\\}\\\\\nx+ \\[1/1\\]\\'")
                                (pen-answer-test-shown)))
        (pen-preview-accept)
        (should (equal (buffer-string) (concat "one\n" (make-string 100 ?x))))))))

(ert-deftest pen-answer-test-what-went-wrong-is-said-once ()
  (pen-fixture-with '((error :kind upstream :message "It failed."))
    (save-window-excursion
      (let ((buffer (pen-result-start (nth 2 pen-fixture-definitions)
                                      '(("n" "5") ("things" "x")) nil)))
        (pen-fixture-until (lambda () (with-current-buffer buffer
                                        (string-match-p "It failed" (buffer-string)))))
        (with-current-buffer buffer
          (should-not (string-match-p "failed" header-line-format)))
        (kill-buffer buffer)))))

(provide 'pen-answer-test)
;;; pen-answer-test.el ends here
