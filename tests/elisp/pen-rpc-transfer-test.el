;;; pen-rpc-transfer-test.el --- Large texts by file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)

(defmacro pen-rpc-transfer-test-with (&rest body)
  "Run BODY with a service and a transfer directory of its own, `here'."
  (declare (indent 0) (debug t))
  `(let* ((home (make-temp-file "pen-transfer" t))
          (process-environment (cons (concat "XDG_RUNTIME_DIR=" home) process-environment))
          (here (expand-file-name "pen/transfer/" home)))
     (unwind-protect
         (pen-rpc-test-with nil ,@body)
       (delete-directory home t))))

(defconst pen-rpc-transfer-test-parameters '((:text text required)))

(defun pen-rpc-transfer-test-files (directory)
  "Return the files that lie in DIRECTORY."
  (and (file-directory-p directory)
       (directory-files directory t directory-files-no-dot-files-regexp)))

(ert-deftest pen-rpc-transfer-test-a-large-text-arrives-and-leaves-nothing-behind ()
  (pen-rpc-transfer-test-with
    (dolist (text (list (make-string 1000001 ?x)
                        (make-string 600000 ?é)
                        (propertize (make-string 2000000 ?x) 'face 'bold)
                        (mapconcat #'identity (make-list 1002 "{\"a\": 1}") "\n")))
      (should (= (length text)
                 (pen-rpc-invoke "test-file-text" pen-rpc-transfer-test-parameters
                                 (list :text text))))
      (should (file-directory-p here))
      (should-not (pen-rpc-transfer-test-files here)))))

(ert-deftest pen-rpc-transfer-test-twenty-megabytes-which-no-frame-holds ()
  (pen-rpc-transfer-test-with
    (should (= 20000000 (pen-rpc-invoke "test-file-text" pen-rpc-transfer-test-parameters
                                        (list :text (make-string 20000000 ?x) :deadline 30))))
    (should-not (pen-rpc-transfer-test-files here))))

(ert-deftest pen-rpc-transfer-test-the-file-is-the-users-alone-until-the-reply ()
  (pen-rpc-transfer-test-with
    (let ((value nil))
      (pen-rpc-invoke "test-file-text" pen-rpc-transfer-test-parameters
                      (list :text (make-string 1000001 ?x) :then (lambda (it) (setq value it))))
      (let ((file (car (pen-rpc-transfer-test-files here))))
        (should (= #o600 (file-modes file)))
        (should (= #o700 (file-modes here))))
      (pen-rpc-test-until value)
      (should (= value 1000001))
      (should-not (pen-rpc-transfer-test-files here)))))

(ert-deftest pen-rpc-transfer-test-removed-when-the-service-dies ()
  (pen-rpc-transfer-test-with
    (pen-rpc-call-sync "test-ping" nil)
    (let ((err nil))
      (pen-rpc-invoke "test-file-die" pen-rpc-transfer-test-parameters
                      (list :text (make-string 1000001 ?x) :then #'ignore
                            :else (lambda (it) (setq err it))))
      (should (pen-rpc-transfer-test-files here))
      (pen-rpc-test-until err)
      (should-not (pen-rpc-transfer-test-files here)))))

(ert-deftest pen-rpc-transfer-test-a-raw-byte-is-refused-with-its-position ()
  (pen-rpc-transfer-test-with
    (let ((err (should-error
                (pen-rpc-invoke "test-file-text" pen-rpc-transfer-test-parameters
                                (list :text (concat (make-string 1000000 ?é) (string #x3fff85))))
                :type 'pen-data-error)))
      (should (string-match-p "position 1000001" (cadr err)))
      (should-not (pen-rpc-transfer-test-files here)))))

(ert-deftest pen-rpc-transfer-test-small-texts-and-others-stay-on-the-wire ()
  (pen-rpc-transfer-test-with
    (should (= 10 (pen-rpc-invoke "test-file-text" pen-rpc-transfer-test-parameters
                                  (list :text (make-string 10 ?x)))))
    (should (= 2000000 (length (pen-rpc-invoke "test-echo" '((:text string required))
                                               (list :text (make-string 2000000 ?x))))))
    (should-not (file-directory-p here))))

(ert-deftest pen-rpc-transfer-test-from-a-megabyte-or-a-thousand-records-on ()
  (cl-flet ((records (count) (apply #'concat (make-list count "{\"prompt\": \"p\"}\n"))))
    (dolist (case (list (cons (make-string 1000000 ?x) nil) (cons (make-string 1000001 ?x) t)
                        (cons (make-string 500000 ?é) nil) (cons (make-string 500001 ?é) t)
                        (cons (records 1000) nil) (cons (records 1001) t)
                        (cons (replace-regexp-in-string "{" "" (records 1001)) nil)))
      (should (eq (cdr case) (and (pen-rpc--transfer-p (car case)) t))))))

(ert-deftest pen-rpc-transfer-test-what-others-left-is-swept ()
  (pen-rpc-transfer-test-with
    (let ((old (progn (pen-rpc-transfer-directory) (expand-file-name "text-old" here)))
          (new (expand-file-name "text-new" here)))
      (write-region "x" nil old nil 'silent)
      (write-region "x" nil new nil 'silent)
      (set-file-times old (time-subtract nil 4000))
      (delete-file (plist-get (pen-rpc--transfer-write "y") :file))
      (should (equal (pen-rpc-transfer-test-files here) (list new))))))

(ert-deftest pen-rpc-transfer-test-optional-texts-too ()
  (pcase-let ((`(,plist . ,files)
               (pen-rpc--transfer '((:text (or text null)) (:name string))
                                  (list :name (make-string 1000001 ?n)
                                        :text (make-string 1000001 ?x)))))
    (unwind-protect
        (progn (should (= 1 (length files)))
               (should (stringp (plist-get plist :name)))
               (should (= 1000001 (plist-get (plist-get plist :text) :bytes))))
      (pen-rpc--transfer-remove files))))

(provide 'pen-rpc-transfer-test)
;;; pen-rpc-transfer-test.el ends here
